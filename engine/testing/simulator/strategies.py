"""Hypothesis strategies for runs: how patiently, what goes wrong, and whole scenarios. `strategies` hands them on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import product
from operator import ne
from typing import Any

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy as Strategy

from ...core.policy import CheckpointPolicy, Jitter, Policy, RetryPolicy, StallPolicy
from ..script.faults import MANNERS, Fault, FaultKind, Item
from .generate import CUTTING, DRAWN_PROVIDERS, DRAWN_STATUSES, HINTS_S, LAGS, ODD, READING, REFUSING, SECONDS, TELLING
from .scenario import CRASHES, Act, Consumer, Scenario, StoreFault, StoreKind


def policies() -> Strategy[Policy]:
    """Policies under which every run ends: small budgets, all delays, all jitters, close and lazy stores."""
    count = st.integers(1, 5)
    delay = st.sampled_from((0.0, 0.25, 1.0, 30.0))
    retry = st.builds(
        RetryPolicy,
        attempts_max=st.just(3) | count,
        rate_limit_attempts_max=st.none() | count,
        base_delay_s=st.just(1.0) | delay,
        delay_s_max=st.just(30.0) | delay,
        rate_limit_base_delay_s=st.just(5.0) | delay,
        stall_delay_s=st.just(0.2) | delay,
        jitter=st.sampled_from((Jitter.FULL, *Jitter)),
        engine_retries_max=st.sampled_from((100, 1, None)),
    )
    stall = st.builds(StallPolicy, headers_s=st.sampled_from((120.0, 5.0)), idle_s=st.sampled_from((60.0, 10.0)))
    return st.builds(Policy, retry=st.just(RetryPolicy()) | retry, stall=stall, checkpoint=_checkpoints())


def _checkpoints() -> Strategy[CheckpointPolicy]:
    return st.tuples(st.sampled_from(tuple(dict.fromkeys(LAGS))), st.booleans()).map(
        lambda drawn: CheckpointPolicy(lag_bytes=drawn[0][0], lag_s=drawn[0][1], before_delivery=drawn[1])
    )


def fault_schedules(*, faults_max: int = 4) -> Strategy[tuple[Fault, ...]]:
    """What goes wrong with the attempts of a run, in order (`scenario.Fault`). Shrinks towards fewer, and resets."""
    return st.lists(_faults(), max_size=faults_max).map(tuple)


@st.composite
def _faults(draw: st.DrawFn) -> Fault:
    """Three draws and no more: Hypothesis deletes an element of a list only where it is made of few."""
    kind, at = draw(_KINDS), draw(_PLACES)
    return evolve(draw(_faults_of(kind)), at=at)


_KINDS = st.sampled_from((*CUTTING, *REFUSING, *ODD))
_PLACES = st.integers(0, 24)


@cache
def _faults_of(kind: FaultKind) -> Strategy[Fault]:
    """The faults of a kind at event 0, those first that differ least from the plainest."""
    refused: list[tuple[int, float | None]] = [(500, None)]
    if kind in (FaultKind.HTTP_ERROR, FaultKind.IN_BAND_ERROR):
        refused += [
            (status, hint) for status in DRAWN_STATUSES for hint in (HINTS_S if status in (429, 529) else (None,))
        ]
    columns: tuple[Iterable[Any], ...] = (
        dict.fromkeys((20.0, 50.0) if kind is FaultKind.PINGS_ONLY else (1.0, *SECONDS)),
        {FaultKind.DRIP: (1,), FaultKind.ERROR_AFTER_TERMINAL: (0, 1), FaultKind.OVERLAP: (30,)}.get(kind, (0,)),
        dict.fromkeys(refused),
        (FaultKind.NONE, *sorted(MANNERS)) if kind in CUTTING else (FaultKind.NONE,),
        (4, 1, 16),
    )
    plainest, *others = product(*columns)
    others.sort(key=lambda row: sum(map(ne, row, plainest)))
    return st.sampled_from(
        [
            Fault(kind, 0, seconds, count, status, hint, manner, burst)
            for seconds, count, (status, hint), manner, burst in (plainest, *others)
        ]
    )


def _items() -> Strategy[tuple[Item, ...]]:
    text = st.builds(Item, st.just("text"), st.integers(1, 14))
    thought = st.builds(Item, st.just("reasoning"), st.integers(1, 3), st.booleans())
    calls = st.builds(Item, st.just("calls"), st.integers(1, 2))
    return st.tuples(st.lists(thought, max_size=1), text, st.lists(calls | text, max_size=2)).map(
        lambda parts: (*parts[0], parts[1], *parts[2])
    )


@st.composite
def _consumers(draw: st.DrawFn) -> Consumer:
    act = draw(st.sampled_from(tuple(Act)))
    return Consumer(
        act=act,
        act_event=0 if act is Act.NONE else draw(st.integers(0, 20)),
        act_on=None if act is Act.NONE else draw(st.sampled_from((None, *dict.fromkeys(TELLING)))),
        reopens=act is not Act.NONE and draw(st.booleans()),
        keeps_text=draw(st.booleans()),
        slow_s=draw(st.sampled_from((0.0, 61.0))) if act is Act.NONE else 0.0,
        many=draw(st.booleans()),
    )


@st.composite
def scenarios(draw: st.DrawFn, *, level: str = "events") -> Scenario:
    """Whole simulated runs, for `simulate`. Shrinks towards one reset, or none; `shrink.shrink` knows more of them."""
    store_kinds = st.sampled_from(tuple(kind for kind in StoreKind if kind not in CRASHES))
    consumer = draw(_consumers())
    has_store = consumer.reopens or draw(st.booleans())
    store = st.lists(
        st.builds(StoreFault, store_kinds | st.sampled_from(sorted(CRASHES)), st.integers(0, 5)), max_size=1
    )
    return Scenario(
        seed=draw(st.integers(0, 1000)),
        level=level,
        provider=draw(st.sampled_from((*dict.fromkeys(DRAWN_PROVIDERS), *READING))),
        answer=draw(_items()),
        faults=draw(fault_schedules()),
        has_store=has_store,
        store=tuple(draw(store)) if has_store else (),
        consumer=consumer,
        policy=Policy(retry=RetryPolicy(attempts_max=draw(st.integers(1, 4))), checkpoint=draw(_checkpoints())),
        fresh_ids=draw(st.booleans()),
    )
