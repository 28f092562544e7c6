"""Planted bugs by which a run tells its story wrongly: its ledger, its events, what it leaves behind."""

from __future__ import annotations

from riverrun.engine.testing.law import Law
from tests.mutants.patching import Edit, Mutant

STORY_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "ledger forgets the loser",
        Law.LEDGER,
        "an attempt that a reset ended has no line",
        [
            Edit(
                "core.attempt_ledger:AttemptLedger.close",
                "self._lines.append(record)",
                'str(cause).startswith("connection") or self._lines.append(record)',
            )
        ],
    ),
    Mutant(
        "cumulative usage added",
        Law.LEDGER,
        "a report that replaces is added",
        [
            Edit(
                "core.usage:apply_report",
                "(max(said, 0) or before) if report.cumulative else before + max(said, 0)",
                "before + said",
            )
        ],
    ),
    Mutant(
        "usage of the last attempt only",
        Law.LEDGER,
        "each attempt's usage takes the place of the sum before it",
        [Edit("core.input_estimate:total_of", "for line in lines", "for line in lines[-1:]")],
    ),
    Mutant(
        "cut attempt cost nothing",
        Law.LEDGER,
        "the output of a stream that broke is not estimated",
        [Edit("core.usage:settle_usage", "if is_final or", "if True or")],
    ),
    Mutant(
        "swallowed echo not paid",
        Law.LEDGER,
        "what the seam drops is not counted",
        [
            Edit(
                "run.intake:Intake._end_alignment",
                "max(self._aligned_bytes - size_bytes(new), 0)",
                "0",
            )
        ],
    ),
    Mutant(
        "killed attempt not in the ledger",
        Law.LEDGER,
        "the attempt that a killed process left open has no line",
        [
            Edit(
                "core.attempt_ledger:AttemptLedger.__init__",
                "self._was_killed = restored is not None and restored.attempt_open",
                "self._was_killed = False",
            )
        ],
    ),
    Mutant(
        "Interrupted missing",
        Law.ORDER_OF_EVENTS,
        "an interruption whose text is continued is not announced",
        [
            Edit(
                "core.run_state:RunState._plan",
                "if is_news:",
                'if is_news and type(plan).__name__ != "ContinueText":',
            )
        ],
    ),
    Mutant(
        "RetryScheduled before Interrupted",
        Law.ORDER_OF_EVENTS,
        "the delay is announced before what it follows",
        [
            Edit(
                "core.run_state:RunState._recover",
                "self._effects.append(Deliver(RetryScheduled(attempt, most, delay, cause)))",
                "pass",
            ),
            Edit(
                "core.run_state:RunState._recover",
                "    following = self._plan(",
                "    if delay is not None:\n"
                "        self._effects.append(Deliver(RetryScheduled(attempt, most, delay, cause)))\n"
                "    following = self._plan(",
            ),
        ],
    ),
    Mutant(
        "RetryScheduled missing",
        Law.ORDER_OF_EVENTS,
        "the wait before the next attempt is not announced",
        [
            Edit(
                "core.run_state:RunState._recover",
                "Deliver(RetryScheduled(attempt, most, delay, cause))",
                "FlushJournal()",
            )
        ],
    ),
    Mutant(
        "Resumed at every word",
        Law.ORDER_OF_EVENTS,
        "the end of a seam is announced again and again",
        [
            Edit(
                "run.intake:Intake._announce",
                "(number, model), self._resumed = self._resumed, None",
                "number, model = self._resumed",
            )
        ],
    ),
    Mutant(
        "answer left open",
        Law.NO_LEAKS,
        "a source's answer is entered and never left",
        [
            Edit(
                "run.attempt:_Reader.read_events",
                "async with open_events(source, step) as channel:",
                "channel = await open_events(source, step).__aenter__()\n        if channel:",
            )
        ],
    ),
    Mutant(
        "an await forgotten",
        Law.NO_LEAKS,
        "what waits for the store before an attempt is never awaited",
        [
            Edit("run.loop:RunLoop._release", "await self._delivery.release()", "self._delivery.release()"),
        ],
    ),
    Mutant(
        "connection left open",
        Law.NO_LEAKS,
        "the task that reads a response does not close it",
        [Edit("http.transport:OpenedResponse._close", "await self._response.aclose()", "pass")],
        level="bytes",
    ),
    Mutant(
        "a chunk lost",
        Law.ONE_END,
        "of the chunks of one read only the first is taken",
        [Edit("http.transport:OpenedResponse.receive", 'b"".join(self._parts)', "self._parts[0]")],
        level="bytes",
    ),
    Mutant(
        "dice of its own",
        Law.DETERMINISM,
        "jitter is drawn past the engine's chance",
        [
            Edit(
                "core.spending:Spending.delay",
                "1), chance(),",
                '1), __import__("random").SystemRandom().random(),',
            )
        ],
    ),
)
"""Of the ledger, the order of events, leaks and determinism."""
