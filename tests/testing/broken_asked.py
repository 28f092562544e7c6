"""Providers with one fault each in what they drop of several, of zeros and of what is said again, or refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import evolve

import riverrun as rr
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.core.stream_events import (
    ReasoningDelta,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from riverrun.providers.anthropic.provider import Anthropic

from .broken_providers import Broken, Decoder, Rewrites


def parts_of(body: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The content of each turn that has parts."""
    return [turn["content"] for turn in body["messages"] if isinstance(turn["content"], list)]


class DropsATemperatureOfZero(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body if body.get("temperature") else body.pop("temperature", None)


class DropsACeilingOfOne(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.update(max_tokens=max(body["max_tokens"], 2))


class DropsASecondSystemBlock(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.update(system=body["system"][:1]) if "system" in body else None


class DropsASecondTool(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.update(tools=body["tools"][:1]) if "tools" in body else None


class DropsASecondStopSequence(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.update(stop_sequences=body["stop_sequences"][:1]) if "stop_sequences" in body else None


class _DropsASecondPart(Rewrites):
    kind: ClassVar[str]

    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for parts in parts_of(body):
            later = [part for part in parts if part["type"] == self.kind][1:]
            parts[:] = [part for part in parts if part not in later]
        return None


class DropsASecondResult(_DropsASecondPart):
    kind = "tool_result"


class DropsASecondImage(_DropsASecondPart):
    kind = "image"


class DropsASecondText(_DropsASecondPart):
    kind = "text"


class DropsAResultThatIsEqual(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for parts in parts_of(body):
            said: list[object] = []
            for part in parts:
                if part["type"] == "tool_result" and part["content"] in said:
                    part["content"] = "as before"
                said.append(part.get("content"))
        return None


class SwapsResults(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for parts in parts_of(body):
            results = [part for part in parts if part["type"] == "tool_result"]
            texts = sorted((part["content"] for part in results), key=repr)
            for part, text in zip(results, texts, strict=True):
                part["content"] = text
        return None


class DropsArgumentsThatAreZero(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for part in (part for parts in parts_of(body) for part in parts if part["type"] == "tool_use"):
            part["input"] = {name: value or None for name, value in part["input"].items()}
        return None


class DropsATurnThatIsEqual(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        turns = body["messages"]
        return body.update(messages=[turn for place, turn in enumerate(turns) if turn not in turns[:place]])


# -- answers ----------------------------------------------------------------------------------------------------------


class _DropsARepeatedDelta(Broken):
    kind: ClassVar[type[StreamEvent]]

    class made(Decoder):
        before: StreamEvent | None = None

        def __init__(self, provider: Any, limits: Limits) -> None:
            super().__init__(provider, limits)
            self.kind = provider.kind

        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            kept: list[StreamEvent] = []
            for event in self.real.feed(data):
                if not isinstance(event, self.kind) or event != self.before:
                    kept.append(event)
                self.before = event
            return kept


class DropsARepeatedDelta(_DropsARepeatedDelta):
    kind = TextDelta


class DropsARepeatedThought(_DropsARepeatedDelta):
    kind = ReasoningDelta


class DropsARepeatedFragment(_DropsARepeatedDelta):
    kind = ToolCallDelta


class TakesTheCeilingForTheEnd(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            ended = StopReported(rr.StopReason.END_TURN, "end_turn")
            told = self.real.feed(data)
            return [ended if event == StopReported(rr.StopReason.MAX_TOKENS, "max_tokens") else event for event in told]


# -- refusals ---------------------------------------------------------------------------------------------------------


class _Refuses(Broken):
    def refuses(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> bool:
        raise NotImplementedError

    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        if self.refuses(request, form):
            raise rr.UsageError("this is not implemented")
        return super().encode(request, form)


class RefusesConversations(_Refuses):
    def refuses(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> bool:
        return form is None and any(message.role == "assistant" for message in request.messages)


class RefusesToContinueBesideTools(_Refuses):
    def refuses(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> bool:
        return form is not None and bool(request.tools)


class RefusesToThink(_Refuses):
    def capabilities(self, request: rr.InferenceRequest) -> Capabilities:
        return evolve(super().capabilities(request), reasons=True)

    def refuses(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> bool:
        return request.reasoning_effort is not None or request.reasoning_budget_tokens is not None


class DeclaresToReadOn(Broken):
    def capabilities(self, request: rr.InferenceRequest) -> Capabilities:
        return evolve(super().capabilities(request), can_reattach=True)


class RefusesStopSequences(_Refuses):
    def refuses(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> bool:
        return bool(request.stop_sequences)


class RefusesASecondTool(_Refuses):
    def refuses(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> bool:
        return len(request.tools) > 1


class RefusesAnythingHot(_Refuses):
    def refuses(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> bool:
        return request.temperature == 1.0


REFUSING: dict[type[Anthropic], tuple[str, ...]] = {
    RefusesStopSequences: ("stop_sequences", "several stop sequences"),
    RefusesASecondTool: ("several tools",),
    RefusesAnythingHot: ("temperature",),
}
"""Sound providers of APIs that lack something; what is refused, and so was not judged."""

ASKED: dict[type[Broken], tuple[str, ...]] = {
    DropsATemperatureOfZero: ("one stream",),
    DropsACeilingOfOne: ("one stream",),
    DropsASecondSystemBlock: ("one stream",),
    DropsASecondTool: ("one stream",),
    DropsASecondStopSequence: ("one stream",),
    DropsASecondResult: ("one stream",),
    DropsASecondImage: ("one stream",),
    DropsASecondText: ("one stream",),
    DropsAResultThatIsEqual: ("one stream",),
    SwapsResults: ("one stream",),
    DropsArgumentsThatAreZero: ("one stream",),
    DropsATurnThatIsEqual: ("one stream",),
    DropsARepeatedDelta: ("one stream",),
    DropsARepeatedThought: ("one stream",),
    DropsARepeatedFragment: ("whole calls",),
    TakesTheCeilingForTheEnd: ("exactly one end",),
    RefusesConversations: ("one stream",),
    RefusesToContinueBesideTools: ("one stream",),
    RefusesToThink: ("one stream",),
    DeclaresToReadOn: ("exactly one end",),
}
