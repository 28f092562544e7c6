"""One counter for all bytes that a decoder holds back between two events: open blocks, arguments, ids, kept JSON.

A bound on each thing by itself does not bound them together: a thousand blocks of 15 MiB are each within theirs. What a
decoder has handed over as an event is no longer its own, and counts where it is kept then.
"""

from __future__ import annotations

__all__ = ["HeldBytes"]


class HeldBytes:
    """Counts what one decoder holds. `defect` says that it holds too much; it stays once it is there.

    Args:
        bytes_max: how much it may hold at once (`Limits.held_bytes_max`).
    """

    __slots__ = ("_bytes_max", "_held_bytes", "defect")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held_bytes = 0
        self.defect: str | None = None

    def hold(self, size_bytes: int) -> bool:
        """Count bytes that are kept from now on; whether they may be."""
        self._held_bytes += size_bytes
        if self._held_bytes > self._bytes_max and self.defect is None:
            self.defect = f"more than {self._bytes_max} bytes are held back; expected at most that (held_bytes_max)"
        return self.defect is None

    def release(self, size_bytes: int) -> None:
        """Count bytes that are kept no longer: they were handed over, or forgotten."""
        self._held_bytes -= size_bytes
