"""Providers with one fault each: what the laws have to refute."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import evolve

import riverrun as rr
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import ErrorResponse, WireRequest
from riverrun.engine.core.stream_events import (
    StopReported,
    StreamEvent,
    TextDelta,
)
from riverrun.engine.core.usage import UsageReport
from riverrun.providers.anthropic.provider import Anthropic

KEY = "sk-canary-0123456789"


class Decoder:
    """Hands on to the real decoder; subclasses break one thing."""

    def __init__(self, provider: Anthropic, limits: Limits) -> None:
        self.real = Anthropic.decoder(provider, limits)

    @property
    def is_complete(self) -> bool:
        return self.real.is_complete

    @property
    def defect(self) -> str | None:
        return self.real.defect

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        return self.real.feed(data)

    def close(self) -> Sequence[StreamEvent]:
        return self.real.close()


class Broken(Anthropic):
    made: ClassVar[type[Decoder]] = Decoder

    def __init__(self) -> None:
        super().__init__("claude-sonnet-4-5", api_key=KEY)

    def decoder(self, limits: Limits) -> Any:
        return self.made(self, limits)


class SplitsCharacters(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return self.real.feed(data.decode("utf-8", "replace").encode())


class LosesTheLastRead(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return [event for event in self.real.feed(data) if event != TextDelta("a")]


class CompleteAtTheEnd(Broken):
    class made(Decoder):
        ended = False

        @property
        def is_complete(self) -> bool:
            return self.ended or self.real.is_complete

        def close(self) -> Sequence[StreamEvent]:
            self.ended = True
            return self.real.close()


class RaisesOnGarbage(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            data.decode("utf-8", "surrogateescape").encode()
            return self.real.feed(data)


class SharesADecoder(Broken):
    class made(Decoder):
        latest: ClassVar[list[Any]] = []

        def __init__(self, provider: Anthropic, limits: Limits) -> None:
            super().__init__(provider, limits)
            self.latest[:] = [self.real]

        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return list(self.latest[0].feed(data))


class HoldsEverything(Broken):
    class made(Decoder):
        def __init__(self, provider: Anthropic, limits: Limits) -> None:
            super().__init__(provider, Limits())


class QuotesHalf(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        if form is None:
            return super().encode(request, form)
        cut = rr.InferenceRequest([*request.messages[:-1], rr.Message.assistant("and so on")], max_tokens=9)
        return super().encode(cut, form)


class CountsRequests(Broken):
    count = 0

    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        self.count += 1
        wire = super().encode(request, form)
        body = json.loads(wire.body) | {"metadata": {"n": self.count}}
        return WireRequest(wire.url, wire.headers, json.dumps(body).encode())


class PutsTheKeyInTheURL(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        return WireRequest(f"{wire.url}?key={KEY}", wire.headers, wire.body)


class RepeatsTheErrorBody(Broken):
    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        named = super().classify(response, now_unix_s=now_unix_s)
        return evolve(named, message=response.body.decode("utf-8", "replace")[:100])


class KnowsFewStatuses(Broken):
    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        return {401: Failure(FailureKind.UNAUTHORIZED, "no")}[response.status]


class SaysMoreAfterTheEnd(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            tail = [TextDelta("!")] if data.endswith(b"}\n\n") and b"\xff" in data[-8:] else []
            return [*self.real.feed(data), *tail]


class CountsTwice(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            told = self.real.feed(data)
            return [
                UsageReport(output=2 * (event.output or 0)) if isinstance(event, UsageReport) else event
                for event in told
            ]


class CountsBelowZero(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            told = self.real.feed(data)
            return [UsageReport(output=-5) if isinstance(event, UsageReport) else event for event in told]


class CountsNothing(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return [event for event in self.real.feed(data) if not isinstance(event, UsageReport)]


class AlwaysAtTheCeiling(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            ceiling = StopReported(rr.StopReason.MAX_TOKENS, "max_tokens")
            return [ceiling if isinstance(event, StopReported) else event for event in self.real.feed(data)]


class DropsTheStop(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return [event for event in self.real.feed(data) if not isinstance(event, StopReported)]


class PutsTheKeyInAPlainHeader(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        return WireRequest(wire.url, {"x-api-key": KEY}, wire.body)


class PutsTheKeyInTheURLOnly(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        return WireRequest(f"{wire.url}?key={KEY}", {}, wire.body)


class Rewrites(Broken):
    """Its body is bent; subclasses say how."""

    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        raise NotImplementedError

    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        body = json.loads(wire.body)
        self.bend(body, form)
        return WireRequest(wire.url, wire.headers, json.dumps(body).encode())


class DropsTheSystem(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.pop("system", None)


class DropsTheTools(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.pop("tools", None)


class DropsToolResults(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for turn in body["messages"]:
            if isinstance(turn["content"], list):
                turn["content"] = [part for part in turn["content"] if part["type"] != "tool_result"]
        return None


class TurnsItAround(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body["messages"].reverse()


class PrefillsAsTheUser(Rewrites):
    def capabilities(self, request: rr.InferenceRequest) -> Capabilities:
        return Capabilities(forms=(ContinuationForm.PREFILL, ContinuationForm.QUOTE))

    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, None if form is ContinuationForm.PREFILL else form)
        body = json.loads(wire.body)
        if form is ContinuationForm.PREFILL:
            body["messages"][-1]["role"] = "user"
        return WireRequest(wire.url, wire.headers, json.dumps(body).encode())

    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return None


PROVIDERS: dict[type[Broken], tuple[str, ...]] = {
    SaysMoreAfterTheEnd: ("exactly one end",),
    CountsTwice: ("the ledger adds up",),
    CountsBelowZero: ("the ledger adds up",),
    CountsNothing: ("the ledger adds up",),
    AlwaysAtTheCeiling: ("exactly one end",),
    DropsTheStop: ("exactly one end",),
    PutsTheKeyInAPlainHeader: ("nothing leaks",),
    PutsTheKeyInTheURLOnly: ("nothing leaks",),
    DropsTheSystem: ("one stream",),
    DropsTheTools: ("one stream",),
    DropsToolResults: ("one stream",),
    TurnsItAround: ("one stream",),
    PrefillsAsTheUser: ("one stream",),
    SplitsCharacters: ("cut anywhere", "one stream"),
    LosesTheLastRead: ("one stream",),
    CompleteAtTheEnd: ("exactly one end",),
    RaisesOnGarbage: ("exactly one end",),
    SharesADecoder: ("any task order",),
    HoldsEverything: ("budgets",),
    QuotesHalf: ("one stream",),
    CountsRequests: ("planning is pure",),
    PutsTheKeyInTheURL: ("nothing leaks",),
    RepeatsTheErrorBody: ("nothing leaks",),
    KnowsFewStatuses: ("exactly one end",),
}
