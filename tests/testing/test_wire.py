"""The server half of a wire format: what any events are in it, and one table of its errors."""

from __future__ import annotations

import json

import pytest

from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.stream_events import ResponseStarted, StreamFailed
from riverrun.engine.testing.script.answers import WEATHER
from riverrun.engine.testing.script.faults import STATUSES
from riverrun.engine.testing.wire.format import Reply
from riverrun.engine.testing.wire.formats import Wire, encode_events, error_body, events_of

WRITTEN = (Wire.ANTHROPIC, Wire.OPENAI)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("wire", WRITTEN)
def test_an_error_is_the_same_in_a_body_and_inside_a_stream(wire: Wire, status: int) -> None:
    failed = StreamFailed(Failure(FailureKind.PROVIDER, "broken", status=status))
    _, written = encode_events(wire, [ResponseStarted("r", "m"), failed], is_whole=False)
    body = error_body(wire, status, f"the scripted provider says {status}")
    assert json.loads(written.partition(b"data: ")[2]) == json.loads(body)


@pytest.mark.parametrize("wire", Wire)
def test_each_event_of_a_whole_answer_is_one_event_of_the_wire(wire: Wire) -> None:
    events = events_of(wire, Reply(1, "m", ["\u2028", "b"], ["why"], WEATHER.calls))
    ends = [event.count(b"\n\n") + event.count(b"\r\n\r\n") + (wire is Wire.OLLAMA) for event in events]
    assert ends == [1] * len(events)
