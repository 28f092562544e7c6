"""Claims about streams as servers also send them: spelt otherwise, with pings or errors inside, of odd shapes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence

from ....core.messages import ToolCall
from ....core.policy import Limits
from ....core.provider import Provider
from ....core.stop import StopReason
from ....core.stream_events import (
    CursorMoved,
    KeepAlive,
    ProviderStatus,
    ReasoningDelta,
    ResponseStarted,
    StreamEvent,
    StreamFailed,
    TextDelta,
)
from ....core.usage import UsageReport
from ...law import Law, Violation
from ...script.answers import Answer
from ..decoding import decode, difference_of, end_of
from .spellings import COMMENT, event_ends, is_sse, odd_bodies, respelt

SPOKEN = Answer("spoken", "Water goes around.", "It flows.", (ToolCall("call_1", "look", {"at": "川"}),))
"""Everything that an answer can hold, once: what fixed claims are made with."""

PLAIN = Answer("plain", SPOKEN.text)
"""Its text alone."""

NO_PROGRESS = (KeepAlive, ProviderStatus, ResponseStarted, CursorMoved, UsageReport)
"""What does not set the engine's clocks back."""


def spelling_faults(provider: Provider, body: bytes) -> Iterator[Violation]:
    """Say in which spelling a body is decoded to something else; signs of life apart."""
    plain = decode(provider, [body])
    expected = _without_pings(plain.events)
    for spelling, other in respelt(body):
        decoded = decode(provider, [other])
        events = _without_pings(decoded.events)
        if (events, end_of(decoded)) != (expected, end_of(plain)):
            seen = f"{difference_of(expected, events)}, {end_of(plain)} and {end_of(decoded)}"
            yield Violation(Law.ONE_STREAM, f"as it is, and {spelling}, a body is decoded otherwise: {seen}"[:600])


def _without_pings(events: Sequence[StreamEvent]) -> list[StreamEvent]:
    return [event for event in events if not isinstance(event, KeepAlive)]


def error_faults(provider: Provider, events: Sequence[bytes], error: bytes) -> Iterator[Violation]:
    """Say where an error inside the stream, which says that the provider is overloaded, is not one to try again after.

    Args:
        provider: whose decoder is judged.
        events: a whole answer, event by event.
        error: what the server sends instead of the rest.
    """
    for count in range(len(events)):
        if decode(provider, events[:count]).is_complete:
            return
        decoded = decode(provider, [*events[:count], error])
        failures = [event.failure for event in decoded.events if isinstance(event, StreamFailed)]
        at = f"after {count} of {len(events)} events the body says {error[-120:]!r}"
        if decoded.is_complete or len(failures) != 1:
            seen = f"{len(failures)} StreamFailed, {end_of(decoded)}"
            yield Violation(Law.ONE_END, f"{at}: {seen}; expected one StreamFailed, and no complete answer")
        elif not failures[0].is_retryable:
            yield Violation(Law.ONE_END, f"{at}: {failures[0]!r} is not retryable; an overload passes")


def ping_faults(provider: Provider, body: bytes, ping: bytes | None) -> Iterator[Violation]:
    """Say which signs of life count as progress: a provider that only pings would hold a run for ever.

    Args:
        provider: whose decoder is judged.
        body: a whole answer.
        ping: what its server sends as a sign of life, if that is known; in SSE a comment is one.
    """
    pings = [one for one in (ping, COMMENT if is_sse(body) else None) if one is not None]
    ends = event_ends(body) if is_sse(body) else [0, *(at for at in range(1, len(body)) if body[at - 1] == 10)]
    for end in ends[:-1]:
        for one in pings:
            decoder = provider.decoder(Limits())
            decoder.feed(body[:end])
            said = [event for _ in range(2) for event in decoder.feed(one) if not isinstance(event, NO_PROGRESS)]
            if said or decoder.defect is not None:
                seen = f"{said!r}, defect {decoder.defect!r}"
                yield Violation(
                    Law.ONE_END, f"after {end} bytes of a body the sign of life {one!r} is decoded to {seen}"
                )


def empty_deltas(events: Sequence[StreamEvent]) -> Iterator[Violation]:
    """Say that a delta without a character was given: it sets the engine's clocks back, and says nothing."""
    for event in events:
        if isinstance(event, TextDelta | ReasoningDelta) and not event.text:
            yield Violation(Law.ONE_END, f"a {type(event).__name__} is empty: it says nothing, and counts as progress")
            return


def shape_faults(provider: Provider, body: bytes) -> Iterator[Violation]:
    """Say on which value of another shape the decoder raises."""
    for odd in odd_bodies(body):
        decoded = decode(provider, [odd])
        if decoded.raised:
            at = next((at for at, pair in enumerate(zip(body, odd, strict=False)) if pair[0] != pair[1]), 0)
            said = f"the decoder raised {decoded.raised} at …{odd[max(at - 120, 0) : at + 60]!r}…"
            yield Violation(Law.ONE_END, f"{said}; expected a StreamFailed, a defect, or that it is passed over")


# -- bounds -------------------------------------------------------------------------------------------------------

NARROW = Limits(line_bytes_max=4096, event_bytes_max=8192)
FLOOD_BYTES = 1024 * 1024


def flood_faults(provider: Provider, opening: bytes) -> Iterator[Violation]:
    """Say that a line, or an event, that never ends is held and not refused."""
    for flood in (b"x" * 16384, b"data: x\n" * 2048):
        decoder = provider.decoder(NARROW)
        events = list(decoder.feed(opening))
        tracemalloc.start()
        try:
            for _ in range(FLOOD_BYTES // len(flood)):
                events += decoder.feed(flood)
            held_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        ended = decoder.defect is not None or any(isinstance(event, StreamFailed) for event in events)
        if not ended or held_bytes > FLOOD_BYTES // 4:
            seen = f"{FLOOD_BYTES} bytes of {flood[:8]!r}… under a limit of {NARROW.line_bytes_max} bytes a line"
            yield Violation(Law.BUDGETS, f"{seen}: {held_bytes} bytes held, defect {decoder.defect!r}")


def ceiling_faults(provider: Provider, events: Sequence[bytes]) -> Iterator[Violation]:
    """Say that the plain answer, cut by its output ceiling, is told otherwise."""
    decoded = decode(provider, events)
    held = decoded.fold()
    if not decoded.is_complete or held.stop is None or held.stop.reason is not StopReason.MAX_TOKENS:
        seen = f"{end_of(decoded)}, stop {held.stop}"
        yield Violation(Law.ONE_END, f"an answer at its ceiling is decoded to {seen}; expected MAX_TOKENS")
    if held.text != PLAIN.text:
        yield Violation(Law.ONE_STREAM, f"cut by its ceiling, {PLAIN.text!r} is decoded to {held.text!r}")
