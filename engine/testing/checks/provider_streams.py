"""Claims about streams as servers also send them: spelt otherwise, with pings or errors inside, of odd shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...core.messages import ToolCall
from ...core.policy import Limits
from ...core.provider import Provider
from ...core.stream_events import (
    CursorMoved,
    KeepAlive,
    ProviderStatus,
    ReasoningDelta,
    ResponseStarted,
    StreamEvent,
    StreamFailed,
    TextDelta,
)
from ...core.usage import UsageReport
from ..law import Law, Violation
from ..script.answers import Answer
from .decoding import decode, difference_of, end_of
from .provider_spellings import COMMENT, event_ends, is_sse, odd_bodies, respelt

SPOKEN = Answer("spoken", "Water goes around.", "It flows.", (ToolCall("call_1", "look", {"at": "川"}),))
"""Everything that an answer can hold, once: what fixed claims are made with."""

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
