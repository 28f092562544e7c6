"""How a run ends: what is empty is asked again, and an end that nothing confirms is asked about once."""

from __future__ import annotations

import pytest

from riverrun.engine.core.capabilities import Capabilities
from riverrun.engine.core.causes import ConnectionReset, PrematureEnd
from riverrun.engine.core.effects import Deliver, Fail, Finish, Wait
from riverrun.engine.core.events import Status
from riverrun.engine.core.messages import OpaqueBlock
from riverrun.engine.core.outcome import Broken, Ended, Unconfirmed
from riverrun.engine.core.policy import Jitter, RetryPolicy
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ServerToolStarted,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.target import Target
from riverrun.engine.testing.simulator.decision_level import FORMS, REQUEST, PaperShell

EXACT = RetryPolicy(attempts_max=3, base_delay_s=2.0, jitter=Jitter.NONE)
STOP = StopReported(StopReason.END_TURN, "stop")
HALF, THOUGHT = TextDelta("Half an"), [ReasoningDelta("hm"), BlockStop()]
CALL = [ToolCallStart("c", "look"), ToolCallDelta("c", "{}"), BlockStop("c")]
CUT_CALL = [ToolCallStart("c", "look"), ToolCallDelta("c", '{"a'), BlockStop("c", is_cut=True)]
UNCONFIRMED = Finish(StopReason.OTHER)


def begun(declared: Capabilities = FORMS[1]) -> PaperShell:
    """A run whose first attempt is under way."""
    shell = PaperShell(declared, EXACT)
    shell.wait()
    return shell


def end_unconfirmed(shell: PaperShell, *said: StreamEvent) -> None:
    """Say this in the attempt under way, and end its body in order, without a stop reason."""
    shell.say(said)
    shell.end_attempt(Unconfirmed(), said=bool(said))


# -- what is empty -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [StopReason.END_TURN, StopReason.TOOL_USE, StopReason.OTHER])
@pytest.mark.parametrize("said", [[], CUT_CALL, [ReasoningSignature("sig"), BlockStop()]])
def test_an_answer_of_nothing_under_these_words_is_asked_again(reason: StopReason, said: list[StreamEvent]) -> None:
    shell = begun()
    shell.say([*said, StopReported(reason, "word")])
    shell.end_attempt(Ended(), said=True)
    assert isinstance(shell.waits, Wait)


@pytest.mark.parametrize(
    "reason", sorted(set(StopReason) - {StopReason.END_TURN, StopReason.TOOL_USE, StopReason.OTHER})
)
def test_an_answer_of_nothing_under_another_word_stands(reason: StopReason) -> None:
    shell = begun()
    shell.say([StopReported(reason, "word")])
    shell.end_attempt(Ended(), said=True)
    assert shell.end == Finish(reason, "word")


@pytest.mark.parametrize(
    "said", [THOUGHT, [RedactedReasoning("xyz")], [OpaqueBlockReceived(OpaqueBlock("search", {}, "o"))]]
)
def test_an_answer_of_reasoning_or_an_opaque_block_that_ended_in_order_is_paid_once(said: list[StreamEvent]) -> None:
    shell = begun()
    shell.say([*said, STOP])
    shell.end_attempt(Ended(), said=True)
    assert shell.end == Finish(StopReason.END_TURN, "stop")


def test_an_answer_of_reasoning_only_that_was_cut_begins_again() -> None:
    shell = begun()
    shell.say(THOUGHT)
    shell.end_attempt(Broken(ConnectionReset()), said=True)
    assert isinstance(shell.waits, Wait)


def test_tool_use_is_never_told_of_an_answer_without_a_call() -> None:
    shell = begun()
    shell.say([HALF, *CUT_CALL, StopReported(StopReason.TOOL_USE, "tool_calls")])
    shell.end_attempt(Ended(), said=True)
    assert shell.end == Finish(StopReason.OTHER, "tool_calls")


# -- ends that nothing confirms ----------------------------------------------------------------------------------------


def test_law_2_an_end_without_a_stop_reason_is_asked_about_once_and_is_then_told_as_unconfirmed() -> None:
    shell = begun()
    end_unconfirmed(shell, HALF)
    assert isinstance(shell.waits, Wait)
    shell.wait()
    end_unconfirmed(shell)
    assert shell.end == UNCONFIRMED
    assert [str(record.cause) for record in shell.state.records] == ["premature end", "premature end"]
    assert any(isinstance(effect, Deliver) and isinstance(effect.event, Status) for effect in shell.effects)


def test_a_continuation_that_adds_a_character_shows_that_the_answer_was_not_whole() -> None:
    shell = begun()
    end_unconfirmed(shell, HALF)
    shell.wait()
    end_unconfirmed(shell, TextDelta(" answer"))
    assert isinstance(shell.waits, Wait)
    shell.wait()
    end_unconfirmed(shell)
    assert shell.end == UNCONFIRMED


def test_a_continuation_that_says_why_it_ends_confirms_the_end() -> None:
    shell = begun()
    end_unconfirmed(shell, HALF)
    shell.wait()
    shell.say([STOP])
    shell.end_attempt(Ended(), said=True)
    assert shell.end == Finish(StopReason.END_TURN, "stop")


@pytest.mark.parametrize("said", [THOUGHT, [HALF]])
def test_what_can_only_begin_anew_is_whole_once_it_was_said_twice(said: list[StreamEvent]) -> None:
    shell = begun(FORMS[2])  # no form to go on by
    end_unconfirmed(shell, *said)
    shell.wait()
    end_unconfirmed(shell, *said)
    assert shell.end == UNCONFIRMED


def test_a_reset_in_between_changes_nothing() -> None:
    shell = begun()
    end_unconfirmed(shell, HALF)
    shell.wait()
    shell.end_attempt(Broken(ConnectionReset()), said=False)
    shell.wait()
    end_unconfirmed(shell)
    assert shell.end == UNCONFIRMED


@pytest.mark.parametrize("said", [[], [HALF, ToolCallStart("c", "look")], [HALF, ServerToolStarted("search")]])
def test_nothing_and_what_was_cut_inside_a_call_or_tool_is_no_answer_however_often(said: list[StreamEvent]) -> None:
    shell = begun()
    for _ in range(25):  # a block that is closed is progress: `attempts_total_max` bounds it
        if shell.asked is not None:
            end_unconfirmed(shell, *said)
        if shell.waits is not None:
            shell.wait()
    assert isinstance(shell.end, Fail)


def test_a_released_call_ends_the_run_without_asking() -> None:
    shell = begun()
    end_unconfirmed(shell, *CALL)
    assert shell.end == Finish(StopReason.TOOL_USE)


# -- what a target is known to do --------------------------------------------------------------------------------------


def target_of(shell: PaperShell) -> Target:
    return shell.asks[0].attempt.target


def known(shell: PaperShell) -> bool:
    return target_of(shell).capabilities(REQUEST).ends_without_finish


def test_a_target_that_ends_so_is_remembered_until_it_says_why() -> None:
    shell = begun()
    end_unconfirmed(shell, HALF)
    assert not known(shell)
    shell.wait()
    end_unconfirmed(shell)
    assert known(shell)
    again = PaperShell(FORMS[1], EXACT, target=target_of(shell))
    again.wait()
    end_unconfirmed(again, HALF)
    assert (again.end, len(again.asks)) == (UNCONFIRMED, 1)
    other = PaperShell(FORMS[1], EXACT, target=target_of(shell))
    other.wait()
    other.say([HALF, STOP])
    other.end_attempt(Ended(), said=True)
    assert not known(other)


def test_a_target_that_ever_said_why_is_not_remembered() -> None:
    shell = begun()
    shell.say([HALF, STOP])
    shell.end_attempt(Ended(), said=True)
    again = PaperShell(FORMS[1], EXACT, target=target_of(shell))
    again.wait()
    end_unconfirmed(again, HALF)
    again.wait()
    end_unconfirmed(again)
    assert again.end == UNCONFIRMED
    assert not known(again)


def test_a_target_that_is_declared_to_end_so_is_asked_once() -> None:
    shell = begun(Capabilities(ends_without_finish=True))
    end_unconfirmed(shell, HALF)
    assert (shell.end, len(shell.asks)) == (UNCONFIRMED, 1)


def test_an_end_that_broke_is_not_unconfirmed_but_cut() -> None:
    shell = begun(Capabilities(ends_without_finish=True))
    shell.say([HALF])
    shell.end_attempt(Broken(PrematureEnd()), said=True)
    assert isinstance(shell.waits, Wait)
