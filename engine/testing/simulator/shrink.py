"""From a failing scenario to a small one that breaks the same law: parts are left out, numbers are halved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from attrs import evolve

from ...core.policy import CheckpointPolicy, Policy, RetryPolicy
from ..script.faults import Fault, Item, Kind
from .alone import simulate_alone
from .runner import Outcome
from .scenario import Consumer, Scenario, StoreFault

_T = TypeVar("_T")

RUNS_MAX = 3000
SEEDS_TRIED = 20


def shrink(
    scenario: Scenario, law: str, *, runs_max: int = RUNS_MAX, run: Callable[[Scenario], Outcome] = simulate_alone
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


def smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Yield scenarios that are smaller by one step, the boldest first."""
    for index in range(len(scenario.faults)):
        yield evolve(scenario, faults=_without(scenario.faults, index))
    for index in range(len(scenario.store)):
        yield evolve(scenario, store=_without(scenario.store, index))
    if scenario.has_store and not scenario.store:
        yield evolve(scenario, has_store=False)
    if scenario.consumer != Consumer():
        yield evolve(scenario, consumer=Consumer())
        yield from (evolve(scenario, consumer=one) for one in _smaller_consumers(scenario.consumer))
    yield from _smaller_settings(scenario)
    for index, item in enumerate(scenario.answer):
        if len(scenario.answer) > 1 and any(i.says_something for i in _without(scenario.answer, index)):
            yield evolve(scenario, answer=_without(scenario.answer, index))
        yield from (evolve(scenario, answer=_with(scenario.answer, index, one)) for one in _smaller_items(item))
    for index, fault in enumerate(scenario.faults):
        yield from (evolve(scenario, faults=_with(scenario.faults, index, one)) for one in _smaller_faults(fault))
    for index, trouble in enumerate(scenario.store):
        yield from (evolve(scenario, store=_with(scenario.store, index, one)) for one in _smaller_store(trouble))
    if scenario.seed >= SEEDS_TRIED:
        yield from (evolve(scenario, seed=seed) for seed in range(SEEDS_TRIED))


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
    if fault.kind not in (Kind.RESET, Kind.NONE):
        yield evolve(fault, kind=Kind.RESET)
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
