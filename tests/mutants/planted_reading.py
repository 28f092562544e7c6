"""Planted bugs of runs whose generations live on and are read on from a cursor."""

from __future__ import annotations

from riverrun.engine.testing.law import Law
from tests.mutants.patching import Edit, Mutant

READING_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "mark past a call that is removed",
        Law.ONE_END,
        "where an attempt began is an index, and a call that is read on and then cancelled is taken away before it",
        [
            Edit(
                "core.answer_blocks:AnswerBlocks.begin_attempt",
                "self._kept_at_attempt = self._kept()",
                "self._kept_at_attempt = (len(self), 0)",
            ),
            Edit(
                "core.answer_blocks:AnswerBlocks.has_kept",
                "return self._kept() != self._kept_at_attempt",
                "at, held = self._kept_at_attempt[0], [*self._all()]\n"
                "    return any(not isinstance(block, CallParts) for block in held[at:]) or not at or not held[at - 1]",
            ),
        ],
    ),
    Mutant(
        "call given up at a pause",
        Law.LEDGER,
        "a run that ends inside a call forgets the cursor, and the whole answer is paid again",
        [Edit("core.run_state:RunState._stop_short", "why, lives_on=lives_on", "why, lives_on=False")],
    ),
    Mutant(
        "call given up with the budget",
        Law.LEDGER,
        "a run whose budget is spent inside a call forgets the cursor of what lives on",
        [Edit("core.run_state:RunState._plan", "lives_on=lives_on", "lives_on=False")],
    ),
    Mutant(
        "generation booked before its end",
        Law.LEDGER,
        "a run that ends before it reads on stores what was reported as all there is, and pays it again",
        [Edit("core.run_state:RunState._close", "is not None and lives_on is None", "is not None")],
    ),
    Mutant(
        "read on and paid by each attempt",
        Law.LEDGER,
        "each attempt is booked with all of the generation that it reads on",
        [
            Edit(
                "core.attempt_ledger:AttemptLedger._record_of",
                "(NO_USAGE, False) if isinstance(plan, Reattach) else",
                "(NO_USAGE, False) if False else",
            )
        ],
    ),
    Mutant(
        "cursor outlives what it stands after",
        Law.ONE_STREAM,
        "a message that begins again leaves the cursor behind what was taken back",
        [Edit("core.accumulator:Accumulator.rewind", "self.cursor = None", "pass")],
    ),
    Mutant(
        "cursor past the seam",
        Law.ONE_STREAM,
        "the cursor moves over text that the seam still holds",
        [
            Edit(
                "run.intake:Intake._note",
                "case CursorMoved() if self._aligner is not None:",
                "case CursorMoved() if self is None:",
            )
        ],
    ),
    Mutant(
        "continuation begun again without a seam",
        Law.ONE_STREAM,
        "a continuation that begins again while it is read on is passed through as it comes",
        [
            Edit(
                "run.intake:Intake._restart_attempt",
                "self._step.form is ContinuationForm.CURSOR and accumulator.goes_on",
                "False",
            )
        ],
    ),
    Mutant(
        "failed generation read again",
        Law.BUDGETS,
        "a generation that failed keeps its cursor, and is asked for its failure again",
        [Edit("run.intake:Intake._note", "self._forget_cursor()", "pass")],
    ),
    Mutant(
        "call cancelled and read on",
        Law.WHOLE_CALLS,
        "the calls under way are cancelled although they are read on",
        [Edit("core.run_state:RunState._plan", "if not isinstance(plan, Reattach):", "if plan is not None:")],
    ),
)
"""Of reading on, whatever law they break."""
