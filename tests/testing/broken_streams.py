"""Providers with one fault each in what they make of a stream: spellings, pings, errors, shapes, endings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import riverrun as rr
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import (
    KeepAlive,
    ReasoningDelta,
    ReasoningSignature,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
)
from riverrun.providers.anthropic.provider import Anthropic

from .broken_providers import Broken, Decoder


class _Filters(Broken):
    """Its events are bent one by one; subclasses say how."""

    class made(Decoder):
        def __init__(self, provider: Anthropic, limits: Limits) -> None:
            super().__init__(provider, limits)
            self.bend: Any = cast("Any", provider).bend

        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return [bent for event in self.real.feed(data) if (bent := self.bend(event)) is not None]

        def close(self) -> Sequence[StreamEvent]:
            return [bent for event in self.real.close() if (bent := self.bend(event)) is not None]

    def bend(self, event: StreamEvent) -> StreamEvent | None:
        raise NotImplementedError


class SplitsAtLFOnly(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return self.real.feed(data.replace(b"\r", b"\\r"))


class WantsTheSpace(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return self.real.feed(data.replace(b"data:{", b"daten:{"))


class KnowsNoIds(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return self.real.feed(data.replace(b"id: 1\ndata:", b"id: 1\ndaten:"))


class SkipsWhatBeginsWithAComment(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return self.real.feed(data.replace(b": ping\ndata:", b": ping\ndaten:"))


class TakesABOMForText(Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return self.real.feed(data.replace(b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"))


class PingsAreText(_Filters):
    def bend(self, event: StreamEvent) -> StreamEvent | None:
        return TextDelta("") if isinstance(event, KeepAlive) else event


class PingsAreThoughts(_Filters):
    def bend(self, event: StreamEvent) -> StreamEvent | None:
        return ReasoningDelta("") if isinstance(event, KeepAlive) else event


class SwallowsErrors(_Filters):
    def bend(self, event: StreamEvent) -> StreamEvent | None:
        return None if isinstance(event, StreamFailed) else event


class TakesAnOverloadForTheCallersMistake(_Filters):
    def bend(self, event: StreamEvent) -> StreamEvent | None:
        final = Failure(FailureKind.INVALID_REQUEST, "bad request")
        return StreamFailed(final) if isinstance(event, StreamFailed) else event


class CompleteAtAnError(Broken):
    class made(Decoder):
        failed = False

        @property
        def is_complete(self) -> bool:
            return self.failed or self.real.is_complete

        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            events = self.real.feed(data)
            self.failed |= any(isinstance(event, StreamFailed) for event in events)
            return [event for event in events if not isinstance(event, StreamFailed)]


class _ReadsJSON(Broken):
    """Looks at each value before the real decoder does; subclasses say how."""

    class made(Decoder):
        rest = b""

        def __init__(self, provider: Anthropic, limits: Limits) -> None:
            super().__init__(provider, limits)
            self.look: Any = cast("Any", provider).look

        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            *lines, self.rest = (self.rest + data).split(b"\n") if self.defect is None else (b"",)
            for line in lines:
                if line.startswith(b"data: "):
                    with suppress(ValueError):
                        self.look(json.loads(line[6:]))
            return self.real.feed(data)

    def look(self, value: Any) -> object:
        raise NotImplementedError


class TakesEachValueForAnObject(_ReadsJSON):
    def look(self, value: Any) -> object:
        return value.get("type")


class TakesEachMemberForAnObject(_ReadsJSON):
    def look(self, value: Any) -> object:
        return cast("Any", value).get("delta", {}).get("text") if isinstance(value, dict) else None


class TrustsTheDepth(_ReadsJSON):
    def look(self, value: Any) -> object:
        return None


# -- answers ----------------------------------------------------------------------------------------------------------


class DropsSignatures(_Filters):
    def bend(self, event: StreamEvent) -> StreamEvent | None:
        return None if isinstance(event, ReasoningSignature) else event


class DropsThoughts(_Filters):
    def bend(self, event: StreamEvent) -> StreamEvent | None:
        return None if isinstance(event, ReasoningSignature | ReasoningDelta) else event


class AlwaysEndsItsTurn(_Filters):
    def bend(self, event: StreamEvent) -> StreamEvent | None:
        return StopReported(rr.StopReason.END_TURN, "end_turn") if isinstance(event, StopReported) else event


class RefusesEverything(_Filters):
    def bend(self, event: StreamEvent) -> StreamEvent | None:
        return StopReported(rr.StopReason.REFUSAL, "refusal") if isinstance(event, StopReported) else event


STREAMS: dict[type[Broken], tuple[str, ...]] = {
    SplitsAtLFOnly: ("one stream",),
    WantsTheSpace: ("one stream",),
    KnowsNoIds: ("one stream",),
    SkipsWhatBeginsWithAComment: ("one stream",),
    TakesABOMForText: ("one stream",),
    DropsSignatures: ("one stream",),
    DropsThoughts: ("one stream",),
    PingsAreText: ("exactly one end",),
    PingsAreThoughts: ("exactly one end",),
    SwallowsErrors: ("exactly one end",),
    TakesAnOverloadForTheCallersMistake: ("exactly one end",),
    CompleteAtAnError: ("exactly one end",),
    TakesEachValueForAnObject: ("exactly one end",),
    TakesEachMemberForAnObject: ("exactly one end",),
    TrustsTheDepth: ("exactly one end",),
    AlwaysEndsItsTurn: ("exactly one end",),
    RefusesEverything: ("exactly one end",),
}
