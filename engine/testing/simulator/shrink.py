"""From a failing scenario to a small one that breaks the same law: parts are left out, numbers are halved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from attrs import evolve

from ...core.policy import CheckpointPolicy, Policy, RetryPolicy
from ..law import Law, LawBroken
from ..script.faults import Fault, FaultKind, Item
from .runner import Outcome, simulate_alone
from .scenario import Consumer, Scenario, StoreFault
from .story import tell_story

_T = TypeVar("_T")

RUNS_MAX = 3000
SEEDS_TRIED = 20


def shrink(
    scenario: Scenario, law: Law, *, runs_max: int = RUNS_MAX, run: Callable[[Scenario], Outcome] = simulate_alone
) -> Scenario:
    """Return a scenario that breaks `law` and can not be made smaller by one step. The scenario itself if it does not.

    Cost: some hundred runs, at most `runs_max`.
    """
    left = runs_max

    def breaks(candidate: Scenario) -> bool:
        nonlocal left
        left -= 1
        return any(violation.law == law for violation in run(candidate).broken)

    found = breaks(scenario)
    while found and left > 0:
        found = False
        for candidate in smaller(scenario):
            if left <= 0:
                break
            if breaks(candidate):
                scenario, found = candidate, True
                break
    return scenario


def refuted(found: Outcome, run: Callable[[Scenario], Outcome]) -> LawBroken:
    """Shrink a run that breaks a law, and tell it; of what broke its first law only, for the rest follows from it."""
    law, least = found.broken[0].law, found

    def run_and_keep(scenario: Scenario) -> Outcome:
        nonlocal least
        outcome = run(scenario)
        if any(violation.law == law for violation in outcome.broken):
            least = outcome  # what is shrunk only ever gets smaller; a planner with dice may not do it again
        return outcome

    shrink(found.scenario, law, run=run_and_keep)
    broken = tuple(violation for violation in least.broken if violation.law == law)[:1]
    return LawBroken(law, tell_story(evolve(least, broken=broken)))


def smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Yield scenarios that are smaller by one step, the boldest first."""
    yield from (evolve(scenario, faults=fewer) for fewer in _fewer(scenario.faults))
    yield from (evolve(scenario, store=fewer) for fewer in _fewer(scenario.store))
    if scenario.has_store and not scenario.store:
        yield evolve(scenario, has_store=False)
    if scenario.consumer != Consumer():
        yield evolve(scenario, consumer=Consumer())
        yield from (evolve(scenario, consumer=one) for one in _smaller_consumers(scenario.consumer))
    yield from _smaller_settings(scenario)
    yield from (evolve(scenario, answer=answer) for answer in _smaller_answers(scenario.answer))
    yield from (evolve(scenario, faults=faults) for faults in _each_smaller(scenario.faults, _smaller_faults))
    yield from (evolve(scenario, store=faults) for faults in _each_smaller(scenario.store, _smaller_store))
    if scenario.seed >= SEEDS_TRIED:
        yield from (evolve(scenario, seed=seed) for seed in range(SEEDS_TRIED))


def _fewer(items: tuple[_T, ...]) -> Iterator[tuple[_T, ...]]:
    yield from (_without(items, index) for index in range(len(items)))


def _each_smaller(items: tuple[_T, ...], smaller_of: Callable[[_T], Iterator[_T]]) -> Iterator[tuple[_T, ...]]:
    for index, item in enumerate(items):
        yield from (_with(items, index, one) for one in smaller_of(item))


def _smaller_answers(answer: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    """Leave an item out, as long as something is said, or make it smaller."""
    for index, item in enumerate(answer):
        if any(one.says_something for one in _without(answer, index)):
            yield _without(answer, index)
        yield from (_with(answer, index, one) for one in _smaller_items(item))


def _without(items: tuple[_T, ...], index: int) -> tuple[_T, ...]:
    return (*items[:index], *items[index + 1 :])


def _with(items: tuple[_T, ...], index: int, item: _T) -> tuple[_T, ...]:
    return (*items[:index], item, *items[index + 1 :])


def _smaller_settings(scenario: Scenario) -> Iterator[Scenario]:
    policy = scenario.policy
    candidates = (
        evolve(scenario, policy=Policy()),
        evolve(scenario, provider="prefill"),
        evolve(scenario, provider="quote"),
        evolve(scenario, fresh_ids=True),
        evolve(scenario, policy=evolve(policy, retry=RetryPolicy())),
        evolve(scenario, policy=evolve(policy, checkpoint=CheckpointPolicy())),
        evolve(scenario, policy=evolve(policy, retry=evolve(policy.retry, rate_limit_attempts_max=None))),
        evolve(scenario, policy=evolve(policy, retry=evolve(policy.retry, engine_retries_max=100))),
        evolve(scenario, policy=evolve(policy, checkpoint=evolve(policy.checkpoint, before_delivery=False))),
        evolve(scenario, policy=evolve(policy, checkpoint=evolve(policy.checkpoint, lag_s=0.25))),
        evolve(scenario, policy=evolve(policy, checkpoint=evolve(policy.checkpoint, lag_bytes=4096))),
    )
    for candidate in candidates:
        if candidate != scenario and _rank(candidate.provider) <= _rank(scenario.provider):
            yield candidate


def _rank(provider: str) -> int:
    """The order in which providers count as simpler: without it two of them would take turns for ever."""
    return {"prefill": 0, "quote": 1}.get(provider, 2)


def _smaller_consumers(consumer: Consumer) -> Iterator[Consumer]:
    plain = Consumer()
    for name in ("reopens", "keeps_text", "slow_s", "many", "switches", "mailbox_max", "act_s", "act_on"):
        if getattr(consumer, name) != getattr(plain, name):
            yield evolve(consumer, **{name: getattr(plain, name)})
    for at in _smaller_numbers(consumer.act_event):
        yield evolve(consumer, act_event=at)


def _smaller_items(item: Item) -> Iterator[Item]:
    for size in _smaller_numbers(item.size):
        if size:
            yield evolve(item, size=size)
    if item.signed or item.broken:
        yield evolve(item, signed=False, broken=False)


def _smaller_faults(fault: Fault) -> Iterator[Fault]:
    plain = Fault(fault.kind)
    for name in ("manner", "retry_after_s", "burst", "seconds", "status"):
        if getattr(fault, name) != getattr(plain, name):
            yield evolve(fault, **{name: getattr(plain, name)})
    if fault.kind not in (FaultKind.RESET, FaultKind.NONE):
        yield evolve(fault, kind=FaultKind.RESET)
    yield from (evolve(fault, at=number) for number in _smaller_numbers(fault.at))
    yield from (evolve(fault, count=number) for number in _smaller_numbers(fault.count))


def _smaller_store(fault: StoreFault) -> Iterator[StoreFault]:
    for number in _smaller_numbers(fault.at):
        yield evolve(fault, at=number)
    for number in _smaller_numbers(fault.count):
        if number:
            yield evolve(fault, count=number)


def _smaller_numbers(number: int) -> Iterator[int]:
    yield from sorted({0, number // 2, number - 1} & set(range(number)))
