"""The two providers that can read a generation on, over a scripted network on which the generation lives without a
reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field, frozen

import riverrun as rr
from riverrun.engine.core.provider import Provider, WireRequest
from riverrun.engine.testing.network.script import Reset, Silence, Step
from riverrun.engine.testing.network.transport import Script
from tests.providers import gemini_samples as gemini
from tests.providers import openai_responses_samples as responses

RESET = Reset()


@frozen
class Format:
    """A provider, what is asked, and a whole generation as frames; `call` are the frames inside a call, in order."""

    provider: Callable[[], Provider]
    request: rr.InferenceRequest
    frames: tuple[bytes, ...]
    call: range
    place: re.Pattern[str]


def _responses() -> Format:
    events = responses.numbered(
        responses.lifecycle("created", background=True),
        responses.added(0),
        responses.text(0, "Let me "),
        responses.text(0, "look."),
        responses.message_done(0, "Let me look."),
        responses.call_added(1),
        *(responses.args(1, piece) for piece in ('{"at"', ":", '"sky"}')),
        responses.call_done(1, '{"at":"sky"}'),
        responses.ended("completed"),
    )
    return Format(
        lambda: rr.OpenAIResponses("gpt-test", api_key="sk-x"),
        rr.InferenceRequest([rr.Message.user("Where?")], extra={"background": True}),
        tuple(responses.escaped(event) for event in events),
        range(6, 10),
        re.compile(r"starting_after=(\d+)"),
    )


def _interactions() -> Format:
    pieces = ('{"at"', ":", '"sky"}')
    events = gemini.numbered(
        [
            gemini.created(),
            gemini.start(0),
            gemini.said(0, "Let me "),
            gemini.said(0, "look."),
            gemini.stop(0),
            gemini.start(1, "function_call", id="call_a", name="look", arguments={}),
            *(gemini.delta(1, "arguments_delta", arguments=piece) for piece in pieces),
            gemini.stop(1),
            gemini.completed("requires_action"),
        ]
    )
    return Format(
        lambda: rr.GeminiInteractions("gemini-test", api_key="x"),
        rr.InferenceRequest([rr.Message.user("Where?")]),
        tuple(gemini.interactions_sse(event) for event in events),
        range(6, 10),
        re.compile(r"last_event_id=ev%2F(\d+)%3F"),
    )


FORMATS: dict[str, Callable[[], Format]] = {"openai-responses": _responses, "gemini-interactions": _interactions}


@define
class LiveServer:
    """Keeps one generation, and breaks each answer after so many frames (`cuts`, then none); the last falls silent.

    Attributes:
        silent_after: how many frames come before the silence of an answer that is not cut; None is all, and an end.
        is_forgetful: whether what is to be read on is gone.
        begun: how many generations were begun: each is paid.
    """

    spoken: Format
    cuts: list[int] = field(factory=list)
    silent_after: int | None = None
    is_forgetful: bool = False
    begun: int = 0
    places: list[int] = field(factory=list)

    def script_for(self, wire: WireRequest) -> Script:
        """Answer one request."""
        place = self.spoken.place.search(wire.url)
        if place is None:
            self.begun += 1
            return self._answer(0)
        if self.is_forgetful:
            return Script([b'{"error": {"code": 404, "message": "no such thing"}}'], status=404, headers={})
        self.places.append(int(place[1]) + 1)
        return self._answer(self.places[-1])

    def _answer(self, at: int) -> Script:
        rest: Sequence[bytes] = self.spoken.frames[at:]
        if self.cuts:
            return Script([*rest[: self.cuts.pop(0)], RESET])
        steps: list[Step] = list(rest[: self.silent_after])
        return Script(steps if self.silent_after is None else [*steps, Silence()])


def said_by(events: Sequence[rr.Event]) -> list[Any]:
    """What a consumer is given of the answer: text joined, and what it is told of calls."""
    told: list[Any] = ["".join(event.text for event in events if isinstance(event, rr.TextDelta))]
    calls = (rr.ToolCallStart, rr.ToolCallReady, rr.ToolCallCancel)
    return told + [type(event).__name__ for event in events if isinstance(event, calls)]
