"""The story of a run's attempts, one line for each, as it is written.

What was said before a line may be taken back. The lines are not rewritten then, for a run that starts over again and
again would write the square of them: it is noted from where on they are kept, and each is rewritten once, when it is
read.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from .result import AttemptRecord


class Ledger:
    """Lines that are appended to, and void up to the last time that what was said was taken back."""

    __slots__ = ("_kept_from", "_lines", "_told")

    def __init__(self, lines: Iterable[AttemptRecord] = ()) -> None:
        self._lines = list(lines)
        self._kept_from = 0
        self._told = 0  # the lines before it that are not kept say so already

    def __len__(self) -> int:
        return len(self._lines)

    def append(self, line: AttemptRecord) -> None:
        """Add the line of an attempt that has ended."""
        self._lines.append(line)

    @property
    def last(self) -> AttemptRecord | None:
        """The last line, if there is one."""
        return self._lines[-1] if self._lines else None

    def amend(self, line: AttemptRecord) -> None:
        """Put another line in the place of the last one."""
        self._lines[-1] = line

    def take_back(self) -> None:
        """Note that nothing is kept of what the attempts so far said. Cost: O(1)."""
        self._kept_from = len(self._lines)

    def read(self) -> tuple[AttemptRecord, ...]:
        """Return all lines. Cost: linear; a line is rewritten once, however often it was taken back."""
        for at in range(self._told, self._kept_from):
            self._lines[at] = evolve(self._lines[at], kept=False)
        self._told = self._kept_from
        return tuple(self._lines)
