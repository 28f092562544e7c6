"""What one run has spent of its budgets: its own attempts, and the retries that all runs of an engine share."""

from __future__ import annotations

from .retry_budget import RetryBudget


class Spending:
    """Counts for one run. `attempts` are those that count: neither resuming nor the first refusal of a form does.

    Nor does the first refusal of streams.
    """

    __slots__ = ("_refused", "_retries_taken", "_shared", "attempts")

    def __init__(self, shared: RetryBudget) -> None:
        self.attempts: int = 0
        self._shared = shared
        self._retries_taken = 0
        self._refused: tuple[str, ...] = ()  # an empty set weighs 216 bytes

    def note_refused(self, form: str) -> None:
        """Give an attempt back whose form was refused: it cost nothing, and the next takes its place. Once a form."""
        if form not in self._refused:
            self._refused += (form,)
            self.attempts -= 1

    def take_retry(self) -> None:
        """Take one of the retries that the engine's runs share."""
        self._shared.take()
        self._retries_taken += 1

    def give_back(self) -> None:
        """Give back what this run took: its answer has ended."""
        self._shared.give_back(self._retries_taken)
