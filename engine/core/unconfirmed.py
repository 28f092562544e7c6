"""Ends that nothing confirms: the body ended in order, and no stop reason was said that counts.

Whether such an answer is whole is asked for once: the next request goes on from what was said. In this order:

1. What is empty, or was cut inside a call or a tool of the provider's own, was no end.
2. A target that was declared, or seen, to end so is believed. What was seen is forgotten at its first stop reason.
3. The first such end of a run is an interruption.
4. One that came again, and added no character, is the answer's end. So is one of an answer that had begun anew: it was
   said twice, and ended in order both times.
5. Anything else is an interruption: the answer was not whole before, and may not be now.
"""

from __future__ import annotations

from .accumulator import Accumulator
from .attempt_ledger import OpenAttempt
from .capabilities import Capabilities, ContinuationForm
from .outcome import AttemptReport
from .result import SeamVerdict

SAID = "the answer ended without a stop reason, twice or as this model was seen to: that it is whole is not confirmed"
"""What the consumer is told of an end that stays unconfirmed."""


class UnconfirmedEnds:
    """The ends of one run's attempts that nothing confirmed."""

    __slots__ = ("_chars",)

    def __init__(self) -> None:
        self._chars: int | None = None
        """How many characters of text were held at the last one; None before the first."""

    def ends_answer(
        self, accumulator: Accumulator, attempt: OpenAttempt | None, report: AttemptReport, declared: Capabilities
    ) -> bool:
        """Take one more such end; whether it is the answer's. Cost: linear in the text."""
        held = accumulator.snapshot()
        is_inside = bool(held.in_flight_tools) or held.server_tool_in_flight is not None
        if attempt is None or accumulator.is_empty or is_inside:
            return False
        before, self._chars = self._chars, len(held.text)
        if declared.ends_without_finish:
            return True
        if before is None:
            return False
        begun_anew = attempt.step.form is ContinuationForm.RESTART or report.seam is SeamVerdict.RESTART
        if begun_anew or self._chars == before:
            attempt.target.learn_unconfirmed_end()
            return True
        return False
