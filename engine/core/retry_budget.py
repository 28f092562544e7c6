"""What keeps many runs from turning one outage into a storm: a budget of retries that all runs of an engine share.

A bucket as in the AWS SDKs' standard retry mode (500 tokens, 5 a retry, 1 back for each success): a retry takes one, an
answer that ends gives back what its own retries took and a fifth more. While answers succeed nobody notices it; in an
outage, after `retries_max` retries without a success, runs fail at once instead of waiting in line. First attempts are
never held back, so the first that succeeds again begins to fill it.
"""

from __future__ import annotations

REFILL = 0.2
"""What an answer that needed no retry gives back (AWS: a fifth of what a retry costs)."""


class RetryBudget:
    """Shared by the runs of an engine, and like it not thread-safe. None is no budget: take as many as you like."""

    __slots__ = ("_left", "_retries_max")

    def __init__(self, retries_max: int | None) -> None:
        self._retries_max = retries_max
        self._left = float(retries_max or 0)

    @property
    def left(self) -> float:
        """How many retries are left, fractions included; what there is at most if there is no budget."""
        return self._left

    @property
    def is_spent(self) -> bool:
        """Whether there is a budget, and nothing left of it."""
        return self._retries_max is not None and self._left < 1

    def take(self) -> bool:
        """Take one retry; False, and nothing taken, if there is none."""
        if self.is_spent:
            return False
        if self._retries_max is not None:
            self._left -= 1
        return True

    def give_back(self, taken: int) -> None:
        """Note that an answer has ended whose run had taken so many."""
        if self._retries_max is not None:
            self._left = min(self._left + taken + REFILL, float(self._retries_max))
