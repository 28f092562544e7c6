"""The numbers of a response's events, where they count: an event that comes twice, and a stream that begins again.

They may have gaps, be missing, or be the same on every event (openai-node#2671): only one that moves tells anything.
"""

from __future__ import annotations


class Numbers:
    """What the numbers of one stream tell. `went_back`: the last event's is lower than that of the one before."""

    __slots__ = ("_count", "_data", "_last", "went_back")

    def __init__(self) -> None:
        self._last: int | None = None
        self._data = ""
        self._count = False
        self.went_back: bool = False

    def is_told_again(self, number: int | None, data: str) -> bool:
        """Take an event; whether it is the one before once more: its number, though numbers count, and its bytes."""
        if number is None:
            self.went_back = False
            return False
        last = self._last
        if number == last:
            return self._count and data == self._data
        self.went_back = last is not None and number < last
        self._count = last is not None
        self._last, self._data = number, data
        return False
