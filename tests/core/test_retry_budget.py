"""A budget of retries that the runs of an engine share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.retry_budget import REFILL, RetryBudget
from tests.engine.own_source import ASK, END, OwnSource, engine_of, say

DOWN = rr.errors.ProviderError("down", status=502)


def test_there_are_as_many_as_it_says_and_not_one_more() -> None:
    budget = RetryBudget(3)
    assert [budget.take() for _ in range(5)] == [True, True, True, False, False]


def test_no_budget_is_never_used_up() -> None:
    budget = RetryBudget(None)
    assert all(budget.take() for _ in range(1000))


@given(st.integers(1, 9), st.lists(st.integers(0, 4) | st.none(), max_size=60))
def test_it_is_never_negative_and_never_more_than_full(most: int, acts: list[int | None]) -> None:
    budget = RetryBudget(most)
    for taken in acts:
        if taken is None:
            budget.take()
        else:
            budget.give_back(taken)
        assert 0 <= budget.left <= most


def test_answers_that_need_no_retry_fill_it_slowly() -> None:
    budget = RetryBudget(1)
    assert budget.take()
    for _ in range(round(1 / REFILL)):
        assert not budget.take()
        budget.give_back(0)
    assert budget.take()


async def test_in_an_outage_the_runs_of_an_engine_stop_retrying_together_and_keep_what_was_said(
    autojump_clock: MockClock,
) -> None:
    source = OwnSource(*[script for dead in (2, 2, 2, 1) for script in ([*say("a"), DOWN], *[[DOWN]] * dead)])
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=3, engine_retries_max=3))
    engine, errors = engine_of(source, policy=policy), list[str]()
    for _ in range(4):
        with pytest.raises(rr.StreamInterrupted) as caught:
            await engine.complete(ASK)
        assert caught.value.snapshot is not None
        errors.append(str(caught.value))
    assert source.attempts == 3 + 3 + 3 + 2
    assert not any("engine_retries_max" in error for error in errors[:3])
    assert "3 retries of this engine without a success, engine_retries_max" in errors[3]


async def test_a_recovery_that_succeeds_costs_the_others_nothing(autojump_clock: MockClock) -> None:
    source = OwnSource(*[script for _ in range(20) for script in (say("a"), [*say("b"), END])])
    engine = engine_of(source, policy=rr.Policy(retry=rr.RetryPolicy(engine_retries_max=1)))
    for _ in range(20):
        assert (await engine.complete(ASK)).text == "ab"
