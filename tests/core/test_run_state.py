"""The laws about decisions, on the state machine alone: no trio, no sockets, no store."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from riverrun.engine.core.causes import ConnectionReset, PrematureEnd
from riverrun.engine.core.effects import CancelAttempt, Deliver, Fail, Finish, FlushJournal, Stopped, Wait
from riverrun.engine.core.errors import StoreError, StreamInterrupted
from riverrun.engine.core.events import Interrupted, RetryScheduled
from riverrun.engine.core.outcome import AttemptReport, Broken, Ended
from riverrun.engine.core.policy import Jitter, RetryPolicy
from riverrun.engine.core.run_end import end_as_stored, end_of_owner
from riverrun.engine.core.run_rules import Ending
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import BlockStop, StopReported, TextDelta, ToolCallDelta, ToolCallStart
from riverrun.engine.testing.simulator.decision_level import FORMS, PaperShell, drawn_outcome, drawn_words, play

SEEDS = 4_000
STOP = StopReported(StopReason.END_TURN, "stop")
CALL = (ToolCallStart("c", "look"), ToolCallDelta("c", "{}"), BlockStop("c"))
EXACT = RetryPolicy(attempts_max=3, base_delay_s=2.0, jitter=Jitter.NONE)


def begun(retry: RetryPolicy = EXACT) -> PaperShell:
    """A run whose first attempt is under way."""
    shell = PaperShell(FORMS[1], retry)
    shell.wait()
    return shell


# -- any sequence of what may happen ----------------------------------------------------------------------------------


def test_a_sweep_of_drawn_runs_breaks_no_law_about_decisions() -> None:
    ends = {type(play(seed).end) for seed in range(SEEDS)}
    assert ends == {Finish, Fail, Stopped}


def test_law_5_the_same_inputs_give_the_same_effects() -> None:
    for seed in range(300):
        one, two = play(seed), play(seed)
        assert [repr(effect) for effect in one.effects] == [repr(effect) for effect in two.effects]


class Decisions(RuleBasedStateMachine):
    """Hypothesis chooses what happens next; the shell of paper holds the laws."""

    def __init__(self) -> None:
        super().__init__()
        self.shell = PaperShell(FORMS[1], RetryPolicy(attempts_max=4))

    @precondition(lambda self: self.shell.waits is not None)
    @rule()
    def wait(self) -> None:
        self.shell.wait()

    @precondition(lambda self: self.shell.asked is not None)
    @rule(dice=st.randoms(use_true_random=False))
    def say(self, dice: object) -> None:
        self.shell.say(drawn_words(dice, len(self.shell.effects)))  # type: ignore[arg-type]

    @precondition(lambda self: self.shell.asked is not None)
    @rule(dice=st.randoms(use_true_random=False), said=st.booleans())
    def end_attempt(self, dice: object, said: bool) -> None:
        outcome = drawn_outcome(dice)  # type: ignore[arg-type]
        if isinstance(outcome, Ended):
            self.shell.say([STOP, *(BlockStop(each, is_cut=True) for each in sorted(self.shell.screen.open_calls))])
        self.shell.end_attempt(outcome, said=said or bool(self.shell.screen.text))

    @precondition(lambda self: self.shell.end is None)
    @rule(ending=st.sampled_from(Ending), said=st.booleans())
    def stop(self, ending: Ending, said: bool) -> None:
        self.shell.stop(ending, said=said)

    @precondition(lambda self: self.shell.end is not None)
    @rule()
    def begin_another(self) -> None:
        self.shell = PaperShell(FORMS[1], RetryPolicy(attempts_max=4))


TestDecisions = Decisions.TestCase
TestDecisions.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


# -- what follows what ------------------------------------------------------------------------------------------------


def test_a_run_begins_by_asking_at_once() -> None:
    shell = PaperShell(FORMS[0], EXACT)
    assert shell.effects == [Wait(None)]
    shell.wait()
    assert shell.asked is not None
    assert (shell.asked.attempt.number, shell.asked.resumes) == (1, False)


def test_an_interruption_is_announced_planned_and_waited_for() -> None:
    shell = begun()
    shell.say([TextDelta("Half an")])
    shell.end_attempt(Broken(ConnectionReset()), said=True)
    assert [type(effect) for effect in shell.effects[-5:]] == [
        FlushJournal,
        Deliver,
        *[type(e) for e in shell.effects[-3:]],
    ]
    announced = [effect.event for effect in shell.effects if isinstance(effect, Deliver)]
    assert [type(event) for event in announced] == [Interrupted, RetryScheduled]
    assert shell.effects[-1] == Wait(2.0)


def test_the_next_attempt_says_what_was_said() -> None:
    shell = begun()
    shell.say([TextDelta("Half an")])
    shell.end_attempt(Broken(ConnectionReset()), said=True)
    shell.wait()
    assert shell.asked is not None
    assert shell.asked.attempt.step.said == "Half an"
    assert shell.asked.resumes


def test_a_released_call_ends_the_run_though_the_budget_is_spent() -> None:
    shell = begun(RetryPolicy(attempts_max=1))
    shell.say(CALL)
    shell.end_attempt(Broken(PrematureEnd()), said=True)
    assert shell.end == Finish(StopReason.TOOL_USE)


def test_a_spent_budget_is_an_error_that_holds_what_was_said() -> None:
    shell = begun(RetryPolicy(attempts_max=1))
    shell.say([TextDelta("Half an")])
    shell.end_attempt(Broken(PrematureEnd()), said=True)
    assert isinstance(shell.end, Fail)
    assert isinstance(shell.end.error, StreamInterrupted)
    assert shell.end.error.snapshot is not None
    assert shell.end.error.snapshot.text == "Half an"


@pytest.mark.parametrize(
    ("ending", "reason"),
    [(Ending.CANCEL, StopReason.CANCELLED), (Ending.PAUSE, StopReason.PAUSED), (Ending.LEFT, StopReason.CANCELLED)],
)
def test_law_7_whoever_ends_a_run_ends_it_in_every_phase(ending: Ending, reason: StopReason) -> None:
    waiting, asking, backing_off = PaperShell(FORMS[0], EXACT), begun(), begun()
    backing_off.end_attempt(Broken(ConnectionReset()), said=False)
    for shell in (waiting, asking, backing_off):
        shell.stop(ending, said=False)
        assert shell.end == Stopped(reason)


def test_an_attempt_that_is_open_is_cancelled_with_the_reason() -> None:
    shell = begun()
    shell.stop(Ending.PAUSE, said=False)
    assert CancelAttempt(1, "paused") in shell.effects


def test_law_2_a_terminal_event_that_was_seen_is_the_end_though_the_run_is_cancelled_behind_it() -> None:
    shell = begun()
    shell.say([TextDelta("All of it."), STOP])
    effects = shell.state.stopped(Ending.CANCEL, AttemptReport(None, answer_ended=True, said_anything=True), 1.0)
    assert effects[-1] == Finish(StopReason.END_TURN, "stop")


def test_an_empty_answer_is_asked_for_again() -> None:
    shell = begun()
    shell.say([STOP])
    shell.end_attempt(Ended(), said=True)
    assert isinstance(shell.waits, Wait)


def test_word_of_an_attempt_that_is_over_changes_nothing() -> None:
    shell = begun()
    report = AttemptReport(Broken(ConnectionReset()))
    assert shell.state.attempt_ended(7, report, now_s=1.0, chance=_never) == []


def test_no_attempt_begins_that_was_not_due() -> None:
    shell = begun()
    with pytest.raises(ValueError, match="no attempt is due"):
        shell.state.waited(1.0)


def _never() -> float:
    raise AssertionError("no chance was needed")


# -- several claims on the end ----------------------------------------------------------------------------------------

WHOLE, STOPPED, FAILED = Finish(StopReason.END_TURN), Stopped(StopReason.CANCELLED), Fail(KeyError("x"))
FENCED = StoreError("another process owns this run now")


def test_nothing_but_a_whole_answer_stands_against_another_owner() -> None:
    assert end_of_owner(WHOLE, FENCED) is WHOLE
    assert end_of_owner(STOPPED, FENCED) == end_of_owner(FAILED, FENCED) == Fail(FENCED)
    assert end_of_owner(STOPPED, None) is STOPPED


def test_an_end_that_could_not_be_stored_is_an_error_where_the_store_comes_first() -> None:
    for end, told in ((WHOLE, Fail(FENCED)), (STOPPED, Fail(FENCED)), (FAILED, FAILED)):
        assert end_as_stored(end, is_stored=False, unstored=FENCED) == told
        assert end_as_stored(end, is_stored=True, unstored=FENCED) is end
