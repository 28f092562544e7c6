"""An answer that is said in an odd way, read in every cut: what is released of it, and what is told to be odd."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.events import ToolCallReady
from riverrun.engine.core.policy import Limits
from tests.providers.fold import decode


@frozen
class Odd:
    """What came out: `calls` in the order in which they were released; `ignored` by kind."""

    text: str
    reasoning: str
    calls: list[tuple[str, str, Any]]
    ignored: dict[str, int]
    defect: str | None
    is_complete: bool
    stop: str | None


def read_odd(provider: Any, body: bytes) -> Odd:
    """Read a body whole, byte by byte, and cut in two at every byte; all must say the same."""
    decoder = provider.decoder(Limits())
    events = decode(decoder, [body])
    told = (events, +decoder.ignored, decoder.defect, decoder.is_complete)
    for pieces in [
        [body[at : at + 1] for at in range(len(body))],
        *([body[:at], body[at:]] for at in range(len(body))),
    ]:
        other = provider.decoder(Limits())
        assert (decode(other, pieces), +other.ignored, other.defect, other.is_complete) == told
    accumulator = Accumulator()
    accumulator.begin_attempt()
    shown = [shown for event in events for shown in (accumulator.fold(event), *accumulator.take_ready())]
    shown += accumulator.take_ready(is_over=True)
    released = [event.call for event in shown if isinstance(event, ToolCallReady)]
    assert accumulator.defect is None
    assert tuple(released) == accumulator.completed_calls
    snapshot = accumulator.snapshot()
    return Odd(
        snapshot.text, snapshot.reasoning, [(call.id, call.name, call.arguments) for call in released],
        {str(kind): count for kind, count in (+decoder.ignored).items()}, decoder.defect, decoder.is_complete,
        accumulator.stop and accumulator.stop.word,
    )  # fmt: skip
