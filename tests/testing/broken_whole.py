"""Providers with one fault each in answers that are not streamed; what they stream is right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import evolve

import riverrun as rr
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.core.stream_events import StreamEvent, TextDelta, ToolCallDelta

from .broken_providers import Broken


class _BendsTheRequest(Broken):
    """Its request for a whole answer is bent; subclasses say how."""

    def encode_whole(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode_whole(request, form)
        body = json.loads(wire.body)
        self.bend(body)
        return evolve(wire, body=json.dumps(body).encode())

    def bend(self, body: dict[str, Any]) -> object:
        raise NotImplementedError


class DropsTheTemperature(_BendsTheRequest):
    def bend(self, body: dict[str, Any]) -> object:
        return body.pop("temperature", None)


class KeepsOneStopSequence(_BendsTheRequest):
    def bend(self, body: dict[str, Any]) -> object:
        return body.update(stop_sequences=body["stop_sequences"][:1]) if "stop_sequences" in body else None


class ForgetsTheSystem(_BendsTheRequest):
    def bend(self, body: dict[str, Any]) -> object:
        return body.pop("system", None)


class _BendsTheAnswer(Broken):
    """The events of its whole answers are bent; subclasses say how."""

    def whole_decoder(self, limits: Limits) -> Any:
        decoder = super().whole_decoder(limits)
        real, bend = decoder.feed, self.bend_events

        def feed(data: bytes) -> Sequence[StreamEvent]:
            return bend(real(data))

        decoder.feed = feed  # type: ignore[method-assign]
        return decoder

    def bend_events(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        raise NotImplementedError


class LosesTheLastWord(_BendsTheAnswer):
    def bend_events(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        return [TextDelta(event.text[:-1]) if isinstance(event, TextDelta) else event for event in events]


class LosesArguments(_BendsTheAnswer):
    def bend_events(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        return [event for event in events if not isinstance(event, ToolCallDelta)]


WHOLE: dict[type[Broken], tuple[str, ...]] = {
    DropsTheTemperature: ("one stream",),
    KeepsOneStopSequence: ("one stream",),
    ForgetsTheSystem: ("one stream",),
    LosesTheLastWord: ("one stream",),
    LosesArguments: ("whole calls",),
}
