"""What one run has spent of its budgets: its own attempts, and the retries that all runs of an engine share."""

from __future__ import annotations

from collections.abc import Callable

from .causes import InterruptCause
from .failures import Failure
from .policy import RetryPolicy
from .reach import Reach
from .retry import attempts_max, attempts_total_max, delay_s
from .retry_budget import RetryBudget
from .run_errors import not_retried


class Spending:
    """Counts for one run: attempts in a row without progress, and attempts in all.

    What costs nothing does not count: resuming, the first refusal of a form or of streams, and one kept connection that
    was closed.

    Args:
        policy: what there is to spend.
        shared: the engine's budget of retries.
        reach: how far the answer is as the run begins.
    """

    __slots__ = ("_furthest", "_policy", "_refused", "_retries_taken", "_shared", "_was_closed", "attempts", "in_a_row")

    def __init__(self, policy: RetryPolicy, shared: RetryBudget, reach: Reach) -> None:
        self.attempts: int = 0
        self.in_a_row: int = 0
        self._policy = policy
        self._shared = shared
        self._furthest = reach
        self._was_closed = False
        self._retries_taken = 0
        self._refused: tuple[str, ...] = ()  # an empty set weighs 216 bytes

    def begin(self, reach: Reach) -> None:
        """Count an attempt that begins with so much of the answer, which is none of its own progress."""
        self.attempts += 1
        self.in_a_row += 1
        self._furthest = self._furthest.or_further(reach)

    def end(self, reach: Reach) -> None:
        """Note how far the answer is as an attempt ends: beyond all earlier ones, and the row begins anew."""
        if reach.is_beyond(self._furthest):
            self.in_a_row = 0
        self._furthest = self._furthest.or_further(reach)

    def most(self, cause: InterruptCause) -> int:
        """Say how many attempts there may be in all after `cause`, if none of them brings progress."""
        left_in_a_row = attempts_max(self._policy, cause) - self.in_a_row
        return min(self.attempts + max(left_in_a_row, 0), attempts_total_max(self._policy))

    def delay(
        self, cause: InterruptCause, failure: Failure, chance: Callable[[], float], *, is_free: bool, is_retry: bool
    ) -> tuple[float | None, Failure]:
        """Say how long to wait before the next attempt; None, and what the run fails with, if there is to be none.

        In this order: 1. The run's own attempts. 2. A server's hint, which may be too long to wait. 3. The retries of
        the engine, last: what an earlier reason ends is not told as if others had used up its budget.
        """
        policy = self._policy
        if self.attempts >= self.most(cause):
            is_total = self.attempts >= policy.attempts_total_max > policy.attempts_max
            why = f"{self.attempts} attempts in all, attempts_total_max"
            return None, not_retried(failure, why) if is_total else failure
        if is_free:
            return 0.0, failure
        delay = delay_s(policy, cause, max(self.in_a_row, 1), chance(), failure.retry_after_s)
        if delay is not None and is_retry and self._shared.is_spent:
            why = f"{policy.engine_retries_max} retries of this engine without a success, engine_retries_max"
            return None, not_retried(failure, why)
        return delay, failure

    def note_refused(self, form: str) -> None:
        """Give an attempt back whose form was refused: it cost nothing, and the next takes its place. Once a form."""
        if form not in self._refused:
            self._refused += (form,)
            self._give_attempt_back()

    def note_closed(self) -> bool:
        """Give an attempt back whose kept connection had been closed, once a run; False if it was not the first.

        The request met a connection that was no more (RFC 9112 §9.3.1); Go's net/http and nginx ask again likewise. Two
        in one run are no accident of the pool.
        """
        if self._was_closed:
            return False
        self._was_closed = True
        self._give_attempt_back()
        return True

    def _give_attempt_back(self) -> None:
        self.attempts -= 1
        self.in_a_row = max(self.in_a_row - 1, 0)

    def take_retry(self) -> None:
        """Take one of the retries that the engine's runs share."""
        self._shared.take()
        self._retries_taken += 1

    def give_back(self) -> None:
        """Give back what this run took: its answer has ended."""
        self._shared.give_back(self._retries_taken)
