"""Planted bugs by which a run ends wrongly, too late, too early or never."""

from __future__ import annotations

from riverrun.engine.testing.law import Law
from tests.mutants.patching import Edit, Mutant

END_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "premature end called success",
        Law.ONE_END,
        "the end of the body is the end of the answer",
        [
            Edit(
                "run.attempt:_Reader._read",
                "outcome = self._at_end(stream, Unconfirmed())",
                "outcome = self._end()",
            )
        ],
    ),
    Mutant(
        "Finished twice",
        Law.ONE_END,
        "the last event is given twice",
        [
            Edit(
                "run.running:RunningRun._finish",
                "delivery.mailbox.put(Finished(result))",
                "delivery.mailbox.put_all([Finished(result)] * 2)",
            )
        ],
    ),
    Mutant(
        "an event after Finished",
        Law.ONE_END,
        "a status follows the last event",
        [
            Edit(
                "run.running:RunningRun._finish",
                "delivery.mailbox.put(Finished(result))",
                'delivery.mailbox.put_all([Finished(result), __import__("riverrun").Status("done")])',
            )
        ],
    ),
    Mutant(
        "Finished forgotten",
        Law.ONE_END,
        "a cancelled or paused run just stops",
        [Edit("run.running:RunningRun._finish", "delivery.mailbox.put(", "word is None or delivery.mailbox.put(")],
    ),
    Mutant(
        "broken tail of a whole answer",
        Law.ONE_END,
        "an error after the terminal event makes the attempt broken",
        [Edit("run.attempt:_Reader.give_up", "if not isinstance(self.outcome, Ended):", "if True:")],
    ),
    Mutant(
        "a foreign error retried",
        Law.ONE_END,
        "whatever a source raises counts as a broken connection",
        [
            Edit(
                "run.attempt:_outcome_of",
                "Crashed(error) if cause is None",
                "Broken(ConnectionReset()) if cause is None",
            )
        ],
    ),
    Mutant(
        "store failure stops the stream",
        Law.ONE_END,
        "what a store raises is raised by the run",
        [
            Edit(
                "run.journal_writer:JournalWriter._fail",
                "self._count_fault(fault)",
                "raise fault",
            )
        ],
    ),
    Mutant(
        "budget off by one",
        Law.BUDGETS,
        "one attempt more than the policy allows",
        [Edit("core.spending:Spending.delay", "attempts >= self.most(cause)", "attempts > self.most(cause)")],
    ),
    Mutant(
        "last attempt never used",
        Law.BUDGETS,
        "one attempt less than the policy allows",
        [
            Edit(
                "core.spending:Spending.delay",
                "attempts >= self.most(cause)",
                "attempts >= self.most(cause) - 1",
            )
        ],
    ),
    Mutant(
        "hint ignored",
        Law.BUDGETS,
        "Retry-After is not read",
        [Edit("core.retry:delay_s", "hint_s is not None and hint_s > 0", "hint_s is not None and hint_s > 1e9")],
    ),
    Mutant(
        "hint slept whatever it says",
        Law.BUDGETS,
        "a hint beyond retry_after_s_max is waited out",
        [Edit("core.retry:delay_s", "return None if hint_s > policy.retry_after_s_max else", "return")],
    ),
    Mutant(
        "engine's budget ignored",
        Law.BUDGETS,
        "a retry is taken where none is left",
        [Edit("core.retry_budget:RetryBudget.is_spent", "self._left < 1", "self._left < -1000")],
    ),
    Mutant(
        "refused form spends an attempt",
        Law.BUDGETS,
        "a form that was refused costs one of the attempts",
        [Edit("core.spending:Spending._give_attempt_back", "self.in_a_row - 1", "self.in_a_row")],
    ),
    Mutant(
        "any byte is progress",
        Law.BUDGETS,
        "a provider that says one word more in each attempt is asked again and again",
        [Edit("core.reach:Reach.is_beyond", "+ PROGRESS_BYTES", "+ 1")],
    ),
    Mutant(
        "spent budget loses the calls",
        Law.BUDGETS,
        "completed calls end the run only while attempts are left",
        [
            Edit(
                "core.run_state:RunState._plan",
                "if isinstance(plan, SynthesizeToolUse):",
                "if isinstance(plan, SynthesizeToolUse) and exhausted is None:",
            )
        ],
    ),
    Mutant(
        "delay not the announced one",
        Law.BUDGETS,
        "the wait is a tenth shorter than RetryScheduled says",
        [Edit("run.loop:RunLoop.run", "await trio.sleep(delay_s)", "await trio.sleep(delay_s * 0.9)")],
    ),
    Mutant(
        "cancel swallowed in back-off",
        Law.CANCEL,
        "the delay before an attempt is shielded",
        [
            Edit("run.loop:RunLoop.run", "if delay_s is not None:", "with trio.CancelScope(shield=True):"),
            Edit("run.loop:RunLoop.run", "await trio.sleep(delay_s)", "await trio.sleep(delay_s or 0)"),
        ],
    ),
    Mutant(
        "cancel not heard after an interruption",
        Law.CANCEL,
        "run.cancel() and run.pause() reach the first attempt only",
        [
            Edit("run.run:Run.cancel", "self._control.end(", "self.attempts or self._control.end("),
            Edit("run.run:Run.pause", "self._control.end(", "self.attempts or self._control.end("),
        ],
    ),
    Mutant(
        "last flush unbounded",
        Law.CANCEL,
        "a write under way at the end is waited for thirty times as long as it may be",
        [
            Edit(
                "run.journal_writer:JournalWriter.finish",
                "trio.move_on_after(self._last_words_s, shield=True)",
                "trio.move_on_after(30 * self._last_words_s, shield=True)",
            )
        ],
    ),
    Mutant(
        "fence ignored",
        Law.CANCEL,
        "a run that another process owns goes on, as after any failed write",
        [
            Edit(
                "run.journal_writer:JournalWriter._fail",
                "if not isinstance(fault, StaleFence):",
                "if fault is not None:",
            )
        ],
    ),
    Mutant(
        "stall clock not paused",
        Law.TIME,
        "the time of a slow consumer counts against the provider",
        [Edit("run.attempt:_Reader._wait_for_consumer", "self._clocks.pause(trio.current_time())", "pass")],
    ),
    Mutant(
        "stall at the deadline",
        Law.TIME,
        "an event exactly at the deadline loses",
        [
            Edit("core.clocks:Clocks.stall", "if time > deadline:", "if time >= deadline:"),
            Edit("run.watch:Watch._next_look", "at if isinf(at) else nextafter(at, inf)", "at"),
            Edit("run.watch:Watch._judge", "await trio.lowlevel.checkpoint()", "pass"),
        ],
    ),
    Mutant(
        "thinking not waited for",
        Law.TIME,
        "the idle clock of a model that reasons is not doubled",
        [Edit("core.clocks:Clocks.__init__", "(REASONING_FACTOR if reasons else 1)", "1")],
    ),
    Mutant(
        "pings extend beyond the cap",
        Law.LIVENESS,
        "pings extend the first-event clock twenty times as far as they may",
        [
            Edit(
                "core.clocks:Clocks._silence",
                "else self._policy.first_event_s_max",
                "else self._policy.first_event_s_max * 20",
            )
        ],
    ),
    Mutant(
        "idle clock never set",
        Law.LIVENESS,
        "a stream that has begun may be silent for ever",
        [Edit("core.clocks:Clocks._gap", '"idle", self._idle_s', '"idle", None')],
    ),
    Mutant(
        "journal's task left",
        Law.LIVENESS,
        "the task that writes is not told that the run has ended",
        [Edit("run.running:RunningRun._run_stored", "journal.close()", "pass")],
    ),
    Mutant(
        "watch outlives its run",
        Law.LIVENESS,
        "the task that watches the clocks is not told that the run has ended",
        [Edit("run.running:RunningRun._run_to_end", "self._watch.close()", "pass")],
    ),
    Mutant(
        "room never told",
        Law.LIVENESS,
        "a consumer that takes events one by one does not wake the reader",
        [Edit("run.mailbox:Mailbox.take", "self._run.wake()", "pass")],
    ),
)
"""Of the laws "exactly one end", "budgets", "cancellation wins", of time and of liveness."""
