"""An error that a gateway writes into a stream without `data:` keeps its words and its class, in every format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.testing.network.transport import Script
from riverrun.engine.testing.wire.formats import Wire, events_of
from tests.engine.test_heads import EVENTS, MODELS, REFUSED, REPLY, asked, body_of, in_bytes

SSE = [wire for wire in Wire if wire is not Wire.OLLAMA]
every_wire = pytest.mark.parametrize("wire", Wire)
every_sse = pytest.mark.parametrize("wire", SSE)
OVERLOADED = {"error": {"message": "the model is overloaded", "code": 503, "type": "overloaded_error"}}


def begun(wire: Wire) -> bytes:
    """What comes of an answer before its second word."""
    events = events_of(wire, REPLY)
    return b"".join(events[: next(at for at, one in enumerate(events) if b"Alps" in one)])


def laid_out(error: Any, indent: int | None = None, end: str = "\n") -> bytes:
    return (json.dumps(error, indent=indent) + "\n").replace("\n", end).encode()


@every_sse
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize(("indent", "end"), [(None, "\n"), (2, "\r\n"), (2, "")])
async def test_a_refused_key_is_told_once_in_the_providers_words(
    wire: Wire, name: str, indent: int | None, end: str
) -> None:
    said = laid_out(REFUSED[name], indent, end)
    error, requests = await asked(MODELS[wire], Script([begun(wire), *in_bytes(said)], headers=EVENTS))
    assert (type(error), len(requests)) == (rr.errors.Unauthorized, 1)
    assert "Invalid token" in str(error)


@pytest.mark.parametrize("name", REFUSED)
async def test_ollama_has_its_errors_in_lines_of_their_own(name: str) -> None:
    error, requests = await asked(MODELS[Wire.OLLAMA], Script([begun(Wire.OLLAMA) + laid_out(REFUSED[name])]))
    assert (type(error), len(requests)) == (rr.errors.Unauthorized, 1)


@every_wire
@pytest.mark.parametrize("behind", [b"", b"\n", b"data: [DONE]\n\n"])
async def test_an_overload_is_asked_again_with_its_class(wire: Wire, behind: bytes, autojump_clock: MockClock) -> None:
    broken = begun(wire) + laid_out(OVERLOADED) + (b"" if wire is Wire.OLLAMA else behind)
    rest = events_of(wire, type(REPLY)(2, "m", ["rises in the Alps."]))
    result, requests = await asked(MODELS[wire], Script([broken], headers=EVENTS), Script([b"".join(rest)]))
    assert type(result.attempts[0].cause) is rr.causes.Overloaded
    assert (result.text, len(requests)) == ("The Rhine rises in the Alps.", 2)


@every_sse
async def test_the_words_of_an_error_that_was_cut_are_in_the_error(wire: Wire, autojump_clock: MockClock) -> None:
    half = laid_out({"error": {"message": "the upstream is gone, and so am I"}})[:-20]
    error, _ = await asked(MODELS[wire], Script([begun(wire) + half], headers=EVENTS))
    assert "the upstream is g" in str(error)


@pytest.mark.parametrize("wire", [Wire.OPENAI, Wire.ANTHROPIC, Wire.RESPONSES])
async def test_a_frame_of_the_answer_without_its_field_is_read_and_counted(wire: Wire) -> None:
    body = body_of(wire).replace(b"data: {", b"{")
    result, requests = await asked(MODELS[wire], Script([b": hi\n\n" + body], headers=EVENTS))
    assert (result.text, len(requests)) == ("The Rhine rises in the Alps.", 1)
    assert "an object without its data:" in result.attempts[-1].ignored


@every_sse
async def test_what_stands_behind_the_end_changes_nothing(wire: Wire) -> None:
    result, requests = await asked(MODELS[wire], Script([body_of(wire), laid_out(OVERLOADED)], headers=EVENTS))
    if wire is not Wire.GEMINI:  # whose answer ends with its body
        assert (result.text, len(requests)) == ("The Rhine rises in the Alps.", 1)
