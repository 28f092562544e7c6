"""What a decoder makes of a body, as a value that can be compared."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from ...core.accumulator import Accumulator
from ...core.policy import Limits
from ...core.provider import Provider
from ...core.stream_events import StreamEvent


@frozen
class Decoded:
    """What a decoder made of a body: its events, how it ended, and what it raised, if it did."""

    events: tuple[StreamEvent, ...]
    is_complete: bool = False
    defect: str | None = None
    raised: str | None = None

    def fold(self) -> Accumulator:
        """Fold the events, as a run does."""
        accumulator = Accumulator(Limits())
        accumulator.begin_attempt()
        for event in self.events:
            accumulator.fold(event)
        return accumulator


def decode(provider: Provider, reads: Sequence[bytes], limits: Limits | None = None) -> Decoded:
    """Decode a body that comes in these reads."""
    events: list[StreamEvent] = []
    try:
        decoder = provider.decoder(limits or Limits())
        for read in reads:
            events += decoder.feed(read)
        events += decoder.close()
    except Exception as error:  # that a decoder raises is the finding, whatever it is
        return Decoded(tuple(events), raised=f"{type(error).__name__}: {error}"[:200])
    return Decoded(tuple(events), decoder.is_complete, decoder.defect)


def end_of(decoded: Decoded) -> str:
    """Say how it ended."""
    return decoded.raised or f"{'complete' if decoded.is_complete else 'incomplete'} (defect: {decoded.defect})"


def difference_of(one: Sequence[StreamEvent], other: Sequence[StreamEvent]) -> str:
    """Say where two rows of events differ."""
    for at, pair in enumerate(zip(one, other, strict=False)):
        if pair[0] != pair[1]:
            return f"event {at} is {pair[0]!r} and {pair[1]!r}"
    return f"{len(one)} and {len(other)} events"
