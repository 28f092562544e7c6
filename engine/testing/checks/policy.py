"""The laws on a policy: its arithmetic over every cause, and simulated runs, the most patient outages among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import inf
from typing import cast

from attrs import evolve

from ...core.causes import (
    ConnectionReset,
    EmptyAnswer,
    IdleStall,
    InterruptCause,
    Overloaded,
    PrematureEnd,
    Provider5xx,
    RateLimited,
)
from ...core.policy import Limits, Policy, RetryPolicy
from ...core.retry import HINT_JITTER, attempts_max, delay_s
from ...core.usage_error import UsageError
from ..law import Held, Law, LawBroken, Violation, require_draws
from ..script.faults import Fault, FaultKind
from ..simulator.generate import scenario_of
from ..simulator.oracles_budget import most_before_first_s, or_never
from ..simulator.runner import Outcome, raise_interrupt, simulate_alone, simulate_many
from ..simulator.scenario import Act, Consumer, Scenario, StoreFault, StoreKind
from ..simulator.shrink import refuted
from ..simulator.story import tell_story

POLICY_LAWS = (Law.BUDGETS, Law.ONE_END, Law.TIME, Law.CANCEL, Law.PURE)

CAUSES: tuple[InterruptCause, ...] = (
    ConnectionReset(),
    PrematureEnd(),
    Provider5xx(500),
    IdleStall(),
    EmptyAnswer(),
    *(made(hint) for made in (RateLimited, Overloaded) for hint in (None, 0.0, 0.5, 7.0, 119.0, 1e6)),
)
ATTEMPTS = (*range(1, 12), 1000)
CHANCES = (0.0, 0.25, 0.5, 0.999999)

OUTAGES = (
    Scenario(faults=(Fault(FaultKind.SLOW_HEADERS, seconds=inf),)),
    Scenario(faults=(Fault(FaultKind.STALL, 0),)),
    Scenario(faults=(Fault(FaultKind.STALL, 5),)),
    Scenario(faults=(Fault(FaultKind.PINGS_ONLY, 0, seconds=20.0),)),
    Scenario(faults=(Fault(FaultKind.PINGS_ONLY, 5, seconds=20.0),)),
    Scenario(faults=(Fault(FaultKind.HTTP_ERROR, status=429, retry_after_s=1e6),) * 40),
    Scenario(faults=(Fault(FaultKind.RESET, 3),) * 40),
    Scenario(store=(StoreFault(StoreKind.LOAD_FAILS, count=2),)),
    Scenario(store=(StoreFault(StoreKind.HANGS, count=100),)),
    Scenario(store=(StoreFault(StoreKind.HANGS, count=100),), consumer=Consumer(act=Act.CANCEL, act_event=3)),
)
"""Worlds in which nothing goes on by itself: only the policy ends the wait."""


def check_policy(policy: Policy, *, runs: int = 500, seed: int = 0) -> Held:
    """Prove a policy safe, by its arithmetic and on `runs` simulated runs, or show what waits for ever or too often.

    Five of the eleven laws depend on a policy: "budgets" (a delay is a number from 0 to the policy's own maximum, never
    shrinks from attempt to attempt at equal chance, keeps a server's hint as a floor, and attempts are counted),
    "exactly one end" (silent servers, endless pings and hanging stores end by a bound computed from the policy), "time
    belongs to the provider", "cancellation wins", and "planning is pure" (the numbers do not change as they are read).
    `limits` is left out: it is what decoders are held to by `check_provider`.

    Args:
        policy: what `Engine(policy=…)` takes.
        runs: how many seeds of the swarm.
        seed: the first.

    Raises:
        LawBroken: with the law, and the arithmetic or the shrunk run as a story.
        UsageError: an argument that no check can begin with, or a call inside a trio run.
    Cost: about 25 ms a run.
    """
    require_draws("check_policy", runs, seed)
    if not isinstance(cast("object", policy), Policy):
        raise UsageError(f"check_policy() was given {repr(policy)[:80]}; expected a Policy")
    for violation in _arithmetic(policy.retry):
        raise LawBroken(violation.law, f"{policy.retry!r}\nBROKEN  {violation.law}: {violation.message}\n")
    simulated = evolve(policy, limits=Limits())
    _check_outages(simulated)
    for at in range(seed, seed + runs, _CHUNK):
        _check_runs(simulated, [scenario_of(one) for one in range(at, min(at + _CHUNK, seed + runs))])
    return Held(POLICY_LAWS, runs + len(OUTAGES), len(CAUSES) * len(ATTEMPTS) * len(CHANCES))


_CHUNK = 250


# -- arithmetic ---------------------------------------------------------------------------------------------------


def _arithmetic(retry: RetryPolicy) -> Iterator[Violation]:
    for cause in CAUSES:
        most = attempts_max(retry, cause)
        if most != attempts_max(retry, cause):
            yield Violation(Law.PURE, f"after {cause!r} the budget was {most} attempts, and then another")
        if most < 1:
            yield Violation(Law.BUDGETS, f"after {cause!r} the budget is {most} attempts; expected at least 1")
        for chance in CHANCES:
            yield from _delays(retry, cause, chance)


def _delays(retry: RetryPolicy, cause: InterruptCause, chance: float) -> Iterator[Violation]:
    delays = [delay_s(retry, cause, attempt, chance) for attempt in ATTEMPTS]
    for attempt, delay in zip(ATTEMPTS, delays, strict=True):
        yield from _one_delay(retry, cause, attempt, delay)
    for before, after in pairwise(delay for delay in delays if delay is not None):
        if after < before:
            yield Violation(Law.BUDGETS, f"after {cause!r} a delay of {before:g} s is followed by one of {after:g} s")


def _one_delay(retry: RetryPolicy, cause: InterruptCause, attempt: int, delay: float | None) -> Iterator[Violation]:
    hint = cause.retry_after_s if isinstance(cause, RateLimited | Overloaded) else None
    at = f"after {cause!r}, attempt {attempt},"
    if delay is None:
        if not hint or hint <= retry.retry_after_s_max:
            seen = f"a hint of {hint} s is not beyond {retry.retry_after_s_max:g} s"
            yield Violation(Law.BUDGETS, f"{at} it gives up; {seen}")
        return
    most = _delay_s_max(retry, cause)
    if not 0 <= delay <= most:
        yield Violation(Law.BUDGETS, f"{at} it waits {delay:g} s; expected 0 to {most:g} s")
    if hint and delay < hint:
        yield Violation(Law.BUDGETS, f"{at} it waits {delay:g} s; the server said {hint:g} s")


def _delay_s_max(retry: RetryPolicy, cause: InterruptCause) -> float:
    match cause:
        case RateLimited(hint) | Overloaded(hint):
            return retry.retry_after_s_max * (1 + HINT_JITTER) if hint else retry.rate_limit_delay_s_max
        case EmptyAnswer():
            return retry.empty_delay_s_max
        case IdleStall():
            return max(retry.stall_delay_s, retry.delay_s_max)
        case _:
            return retry.delay_s_max


# -- runs ---------------------------------------------------------------------------------------------------------


def _check_outages(policy: Policy) -> None:
    """Look at one outage after the other; they are as small as they get."""
    for violation in (*_endless(policy), *_unending(policy.retry)):
        raise LawBroken(violation.law, f"{policy!r}\nBROKEN  {violation.law}: {violation.message}\n")
    for scenario in OUTAGES:
        found = _simulate(policy, scenario)
        if found.broken:
            raise LawBroken(found.broken[0].law, tell_story(evolve(found, broken=found.broken[:1])))


WAIT_S_MAX = 86_400.0
"""A day: who waits longer waits for ever. Simulated, each ping of such a wait would be played."""


def _endless(policy: Policy) -> Iterator[Violation]:
    """Say at once what is beyond every patience."""
    for law, waits_for, limits in _waits(policy):
        if not any(or_never(limit) <= WAIT_S_MAX for limit in limits.values()):  # NaN bounds nothing
            shown = {name: "None" if limit is None else f"{limit:g}" for name, limit in limits.items()}
            numbers = ", ".join(f"{name} is {limit}" for name, limit in shown.items())
            expected = "it to be" if len(limits) == 1 else "one of them to be"
            yield Violation(law, f"{waits_for}: {numbers}; expected {expected} at most {WAIT_S_MAX:g} s")


def _waits(policy: Policy) -> Iterator[tuple[Law, str, dict[str, float | None]]]:
    """Name each thing that a run waits for, with the numbers of which any one ends the wait."""
    stall, checkpoint = policy.stall, policy.checkpoint
    total = {"total_s": stall.total_s}
    headers = {"headers_s": stall.headers_s, **total}
    first = {"the larger of first_event_s and first_event_s_max": most_before_first_s(stall), **total}
    window_s = {} if stall.throughput is None else {"throughput.window_s": stall.throughput.window_s}
    yield Law.LIVENESS, "a server that takes no connection", {"connect_s": stall.connect_s, **headers}
    yield Law.LIVENESS, "a server that sends no headers", headers
    yield Law.LIVENESS, "a server that pings and never says a word", first
    yield Law.LIVENESS, "a server that falls silent", {"idle_s": stall.idle_s, **window_s, **total}
    yield Law.LIVENESS, "a run is opened from a store that hangs", {"load_s": checkpoint.load_s}
    if checkpoint.before_delivery:
        yield Law.LIVENESS, "a word waits for a store that hangs (before_delivery)", {"write_s": checkpoint.write_s}
    yield Law.CANCEL, "a cancel waits for a store that hangs", {"last_flush_s": checkpoint.last_flush_s}
    if max(attempts_max(policy.retry, cause) for cause in CAUSES) > 1:
        yield (
            Law.LIVENESS,
            "a server that says when to come back",
            {"retry_after_s_max": policy.retry.retry_after_s_max},
        )
    for cause in (ConnectionReset(), IdleStall(), EmptyAnswer(), RateLimited()):  # each has numbers of its own
        yield Law.LIVENESS, f"a retry after {cause!r}", {"the last delay": _last_delay_s(policy, cause)}


RETRIES_MAX = 10_000
"""Who asks oftener than that asks without end."""


def _unending(retry: RetryPolicy) -> Iterator[Violation]:
    """Say what keeps asking a provider that stays down: too often, or for too long in all."""
    for cause in (ConnectionReset(), IdleStall(), EmptyAnswer(), RateLimited()):
        asked = attempts_max(retry, cause)
        retries = asked - 1 if retry.engine_retries_max is None else min(asked - 1, retry.engine_retries_max)
        numbers = f"{asked} attempts after {cause!r}, engine_retries_max is {retry.engine_retries_max}"
        if retries > RETRIES_MAX:
            expected = f"expected one of them to be at most {RETRIES_MAX}"
            yield Violation(Law.BUDGETS, f"a provider that stays down: {numbers}; {expected}")
            continue
        waited_s = sum(delay_s(retry, cause, attempt, CHANCES[-1]) or 0.0 for attempt in range(1, retries + 1))
        if waited_s > WAIT_S_MAX:
            yield Violation(
                Law.LIVENESS,
                f"a provider that stays down: {numbers}, and {waited_s:g} s between them in all; expected at most "
                f"{WAIT_S_MAX:g} s",
            )


def _last_delay_s(policy: Policy, cause: InterruptCause) -> float:
    """The longest delay that is waited after a cause: the one before the last attempt."""
    before_last = attempts_max(policy.retry, cause) - 1
    return (delay_s(policy.retry, cause, min(before_last, ATTEMPTS[-1]), CHANCES[-1]) or 0.0) if before_last else 0.0


def _check_runs(policy: Policy, scenarios: Iterable[Scenario]) -> None:
    under = [_under(policy, scenario) for scenario in scenarios]
    try:
        broken = [outcome.scenario for outcome in simulate_many(under) if outcome.broken]
    except (Exception, BaseExceptionGroup) as error:  # a run that takes the loop down: it is found below, alone
        raise_interrupt(error)
        broken = under
    for scenario in broken:
        found = _simulate(policy, scenario)
        if found.broken:
            raise refuted(found, lambda one: _simulate(policy, one))


def _simulate(policy: Policy, scenario: Scenario) -> Outcome:
    return simulate_alone(_under(policy, scenario))


def _under(policy: Policy, scenario: Scenario) -> Scenario:
    """The same run under the policy. Where it has a floor of throughput, slow is no fault but a stall."""
    faults = scenario.faults
    if policy.stall.throughput is not None:
        faults = tuple(
            evolve(fault, kind=FaultKind.NONE) if fault.kind is FaultKind.DRIP else fault for fault in faults
        )
    return evolve(scenario, policy=policy, faults=faults)
