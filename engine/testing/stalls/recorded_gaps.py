"""Gaps of recordings: how far apart the reads that brought something came, in what `riverrun chat --record` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...core.policy import Limits
from ...core.stream_events import ReasoningDelta, TextDelta, ToolCallDelta
from ...core.usage_error import UsageError
from ...recording.format import Exchange, Recording, read_recording
from ..network.recorded import recorded
from .gaps import RecordedGaps

RECORDINGS_MAX = 10_000
"""More files of a folder are not read."""

_SAID = (TextDelta, ReasoningDelta, ToolCallDelta)


def gaps_of_folder(folder: str | Path) -> RecordedGaps:
    """Read the gaps of all recordings (`*.jsonl`) of a folder. Blocking.

    A read that brought several words stands for one word, and those after it of the same read for none: as they came.

    Raises:
        UsageError: it is no folder, it holds no recording, or one of them is none.
    """
    place = Path(folder)
    if not place.is_dir():
        raise UsageError(f"{place} is no folder; expected one that holds recordings (*.jsonl)")
    files = sorted(place.glob("*.jsonl"))[:RECORDINGS_MAX]
    if not files:
        raise UsageError(f"{place} holds no recording (*.jsonl); expected some that `riverrun chat --record` wrote")
    answers = [gaps for file in files for gaps in _gaps_of(read_recording(file), file) if gaps]
    if not answers:
        raise UsageError(f"no recording in {place} holds a word; expected at least one that does")
    return RecordedGaps(name=place.name or "recordings", answers=tuple(answers))


def _gaps_of(recording: Recording, file: Path) -> Iterator[tuple[float, ...]]:
    decoder_of = recorded(file).provider.decoder
    for exchange in recording.exchanges:
        if exchange.status is not None and exchange.status < 300:
            decoder = decoder_of(Limits())
            yield _gaps(exchange, [any(isinstance(e, _SAID) for e in decoder.feed(r.data)) for r in exchange.reads])


def _gaps(exchange: Exchange, brought: list[bool]) -> tuple[float, ...]:
    times = [read.at_s for read, has in zip(exchange.reads, brought, strict=True) if has]
    return tuple(late - early for early, late in zip([exchange.asked_s, *times], times, strict=False))
