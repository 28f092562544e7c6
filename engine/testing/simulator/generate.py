"""From a seed to a scenario, by swarm testing: each seed enables a random subset of the faults, and draws from those.

A draw from all faults at once seldom goes deep into one of them: the first that ends a run hides the others. *Source*:
Groce, Zhang, Eide, Chen, Regehr, "Swarm Testing", ISSTA 2012.
"""

from __future__ import annotations

import random
import zlib
from functools import lru_cache

from attrs import evolve

from ...core.policy import CheckpointPolicy, Jitter, Policy, RetryPolicy, StallPolicy
from ..script.faults import Fault, FaultKind, Item
from .scenario import Act, Consumer, Scenario, StoreFault, StoreKind

DRAWN_PROVIDERS = (
    "prefill",
    "prefill",
    "prefill_trim",
    "quote",
    "quote",
    "native",
    "native_echo",
    "native_echo_trim",
    "restart",
    "thinking",
)
CUTTING = (
    FaultKind.RESET,
    FaultKind.HALF_CLOSE,
    FaultKind.STALL,
    FaultKind.PINGS_ONLY,
    FaultKind.GARBAGE,
    FaultKind.IN_BAND_ERROR,
    FaultKind.GOAWAY,
)
REFUSING = (FaultKind.HTTP_ERROR, FaultKind.CONNECT_ERROR, FaultKind.PREFILL_REFUSED, FaultKind.SLOW_HEADERS)
ODD = (
    FaultKind.DRIP,
    FaultKind.DUPLICATE,
    FaultKind.PREMATURE_END,
    FaultKind.ERROR_AFTER_TERMINAL,
    FaultKind.EMPTY,
    FaultKind.ECHO,
    FaultKind.OVERLAP,
    FaultKind.STARTS_OVER,
    FaultKind.WHITE_SPACE,
    FaultKind.FOREIGN_ERROR,
)
REPEATING = (
    FaultKind.NONE,
    FaultKind.NONE,
    FaultKind.ECHO,
    FaultKind.OVERLAP,
    FaultKind.STARTS_OVER,
    FaultKind.WHITE_SPACE,
)
DRAWN_STATUSES = (429, 500, 504, 529, 401, 400)
HINTS_S = (None, None, 0.0, 0.5, 7.0, 1000.0)
SECONDS = (0.25, 1.0, 59.0, 60.0, 61.0, 119.0, 121.0)
LAGS = ((4096, 0.25),) * 16 + ((64, 0.25), (16, 0.25), (4096, 0.0))
"""How closely the store follows, in bytes and seconds: seldom word by word, which costs a third more."""
TELLING = ("RetryScheduled", "UsageUpdate", "UsageUpdate", "Resumed", "Interrupted", "Finished", "ToolCallStart")
"""Events at which a consumer likes to interfere: they come in the middle of things."""
EVENTS_MEAN = 12

READING = ("reads_on", "reads_on_prefill")
"""The providers whose generations can be read on."""
READING_SALT, READING_PERCENT = b"14:%d", 8
"""Which seeds are about reading on; the salt is chosen so that none is among them which a planted bug was caught by
before: those are the scenarios that they were."""
TELLING_READING = ("ToolCallStart", "ToolCallDelta", "ToolCallDelta", "RetryScheduled", "Resumed", "StreamReset")
READING_CUTS = (*CUTTING[:4], FaultKind.GOAWAY, FaultKind.PREMATURE_END, FaultKind.DUPLICATE)
"""What leaves the generation as it is, whatever becomes of the stream."""


@lru_cache(maxsize=1024)
def _policy(attempts: int, limit: int | None, engine: int | None, lag_bytes: int, lag_s: float, first: bool) -> Policy:
    """Make a policy once: its validators cost as much as a tenth of a run."""
    retry = RetryPolicy(
        attempts_max=attempts, rate_limit_attempts_max=limit, engine_retries_max=engine, jitter=Jitter.FULL
    )
    checkpoint = CheckpointPolicy(lag_bytes=lag_bytes, lag_s=lag_s, before_delivery=first)
    return Policy(retry=retry, stall=StallPolicy(), checkpoint=checkpoint)


def scenario_of(seed: int, level: str = "events") -> Scenario:
    """Draw a scenario. Same seed, same scenario; about one fault in each at least. Cost: 40 µs."""
    if level == "events" and zlib.crc32(READING_SALT % seed) % 100 < READING_PERCENT:
        return _reading(random.Random(seed ^ 0xC0250), seed, level)  # noqa: S311 - likewise
    dice = random.Random(seed)  # noqa: S311 - a simulation's dice have to repeat
    draw = dice.random
    chance = draw()
    if chance < 0.008:
        return _at_the_seam(dice, seed, level) if chance < 0.004 else _at_a_reset(dice, seed, level)
    consumer = _consumer(dice)
    crashes = draw() < 0.12
    reopens = crashes or consumer.reopens
    has_store = reopens or draw() < 0.4
    store = _store_faults(dice, crashes) if has_store else ()
    first = has_store and draw() < 0.1
    policy = _policy(
        dice.choice((1, 2, 3, 3, 4, 6)),
        dice.choice((None, None, 2, 5)),
        dice.choice((100, 100, 100, 1)),
        *dice.choice(LAGS),
        first,
    )
    return Scenario(
        seed=seed,
        level=level,
        provider=dice.choice(DRAWN_PROVIDERS),
        answer=_answer(dice),
        faults=_faults(dice),
        has_store=has_store,
        store=store,
        consumer=consumer,
        policy=policy,
        fresh_ids=draw() < 0.7,
    )


def _at_the_seam(dice: random.Random, seed: int, level: str) -> Scenario:
    """Interfere while a repetition is held back: the window is a read or two, and seldom met by chance."""
    cut = Fault(dice.choice(CUTTING[:3]), 12 + int(dice.random() * 6), seconds=50.0, burst=16)
    act = dice.choice((Act.CANCEL, Act.PAUSE, Act.SCOPE))
    return Scenario(
        seed=seed,
        level=level,
        provider=dice.choice(("quote", "native_echo", "native_echo_trim")),
        answer=(Item("text", 16),),
        faults=(cut, Fault(manner=dice.choice((FaultKind.ECHO, FaultKind.OVERLAP)), count=40, burst=4)),
        has_store=dice.random() < 0.5,
        consumer=Consumer(act=act, act_event=6, act_on="UsageUpdate", reopens=dice.random() < 0.5),
    )


def _at_a_reset(dice: random.Random, seed: int, level: str) -> Scenario:
    """Kill it when an answer is taken back: the next process is told a number of characters, of either version."""
    draw = dice.random
    cut = Fault(dice.choice(CUTTING[:3]), 10 + int(draw() * 8), seconds=50.0, burst=16)
    kill = StoreFault(dice.choice((StoreKind.CRASH_BEFORE_WRITE, StoreKind.CRASH_AFTER_WRITE)), 2 + int(draw() * 8))
    return Scenario(
        seed=seed,
        level=level,
        provider=dice.choice(("quote", "native_echo", "native_echo_trim")),
        answer=(Item("text", 24),),
        faults=(cut, Fault(FaultKind.STARTS_OVER, burst=1 + int(draw() * 3))),
        has_store=True,
        store=(kill,),
        consumer=Consumer(many=draw() < 0.5, keeps_text=True),
        policy=_policy(3, None, 100, *dice.choice(LAGS[-2:]), False),
    )


def _reading(dice: random.Random, seed: int, level: str) -> Scenario:
    """Break a stream whose generation lives on, mostly inside calls, and interfere while it is read on."""
    draw = dice.random
    if draw() < 0.15:
        return _reading_the_second(dice, seed, level)
    consumer = _consumer(dice) if draw() < 0.3 else _reader(dice)
    crashes = draw() < 0.2
    has_store = crashes or consumer.reopens or draw() < 0.4
    calls = (Item("calls", 1 + int(draw() * 2)), Item("text", 1 + int(draw() * 3)), Item("calls", 1))
    cut = _fault(dice, dice.choice(READING_CUTS))
    return Scenario(
        seed=seed,
        level=level,
        provider=dice.choice(READING),
        answer=_answer(dice) if draw() < 0.4 else (Item("text", 1 + int(draw() * 5)), *calls[: 1 + int(draw() * 3)]),
        faults=(evolve(cut, burst=dice.choice((1, 2, 8))), *(_reading_fault(dice) for _ in range(int(draw() * 4)))),
        has_store=has_store,
        store=_store_faults(dice, crashes) if has_store else (),
        consumer=consumer,
        policy=_policy(dice.choice((1, 2, 3, 4, 6)), None, 100, *dice.choice(LAGS), has_store and draw() < 0.1),
        fresh_ids=draw() < 0.7,
    )


def _reading_the_second(dice: random.Random, seed: int, level: str) -> Scenario:
    """Read on a continuation that said again what was said: the first generation is gone, and perhaps this one too."""
    draw = dice.random
    cut = Fault(dice.choice(CUTTING[:3]), 10 + int(draw() * 8), seconds=50.0, burst=16)
    again = Fault(
        FaultKind.RESET,
        8 + int(draw() * 24),
        manner=dice.choice((FaultKind.ECHO, FaultKind.OVERLAP)),
        count=40,
        burst=dice.choice((2, 8)),
    )
    last = (
        Fault(FaultKind.HTTP_ERROR, status=404),
        Fault(FaultKind.PREFILL_REFUSED),
        Fault(FaultKind.DUPLICATE, int(draw() * 6)),
        _reading_fault(dice),
    )
    return Scenario(
        seed=seed,
        level=level,
        provider=READING[0],
        answer=(Item("text", 16), Item("calls", 1)),
        faults=(cut, Fault(FaultKind.HTTP_ERROR, status=404), again, dice.choice(last)),
        has_store=True,
        consumer=_consumer(dice),
        policy=_policy(6, None, 100, *dice.choice(LAGS), False),
    )


def _reading_fault(dice: random.Random) -> Fault:
    """Draw what goes wrong with an attempt that reads on: the generation is gone, the cursor refused, a further cut."""
    chance = dice.random()
    if chance < 0.1:
        return Fault(FaultKind.HTTP_ERROR, status=404)
    if chance < 0.4:
        return _fault(dice, dice.choice((*REFUSING, *ODD)))
    kind = dice.choice(READING_CUTS) if chance < 0.9 else dice.choice((FaultKind.IN_BAND_ERROR, FaultKind.GARBAGE))
    return evolve(_fault(dice, kind), at=int(dice.random() * 8), burst=dice.choice((1, 2, 8)))


def _reader(dice: random.Random) -> Consumer:
    """Interfere in the middle of things, and open the run again."""
    return Consumer(
        act=dice.choice((Act.CANCEL, Act.PAUSE, Act.PAUSE, Act.LEAVE, Act.SCOPE)),
        act_event=int(dice.random() * 14),
        act_on=dice.choice(TELLING_READING) if dice.random() < 0.6 else None,
        reopens=dice.random() < 0.85,
        keeps_text=dice.random() < 0.5,
        many=dice.random() < 0.5,
    )


def _answer(dice: random.Random) -> tuple[Item, ...]:
    draw = dice.random
    items: list[Item] = []
    if draw() < 0.3:
        items.append(Item("reasoning", 1 + int(draw() * 3), signed=draw() < 0.6))
    items.append(Item("text", 2 + int(draw() * EVENTS_MEAN)))
    if draw() < 0.1:
        items.append(Item("reasoning", 2, signed=True))
    if draw() < 0.1:
        items.append(Item("calls", 1, broken=True))
    if draw() < 0.35:
        items.append(Item("calls", 1 + int(draw() * 2)))
        if draw() < 0.5:
            items.append(Item("text", 1 + int(draw() * 4)))
        if draw() < 0.5:
            items.append(Item("calls", 1))
    if draw() < 0.05 and items[-1].kind == "calls":
        items = [item for item in items if item.kind == "calls"]
        items[-1] = Item("calls", 1)
    return tuple(items)


def _faults(dice: random.Random) -> tuple[Fault, ...]:
    """Draw what goes wrong, from a subset that this seed enables; the first attempt is seldom spared."""
    draw = dice.random
    enabled = [kind for group in (CUTTING, REFUSING, ODD) for kind in group if draw() < 0.35]
    if not enabled or draw() < 0.3:
        enabled.append(dice.choice(CUTTING))
    count = 1 + int(draw() * draw() * 5)
    return tuple(_fault(dice, dice.choice(enabled)) for _ in range(count))


def _fault(dice: random.Random, kind: FaultKind) -> Fault:
    draw = dice.random
    at = int(draw() * (EVENTS_MEAN + 10)) if draw() < 0.7 else int(draw() * 8)
    burst = (1, 4, 8, 8, 16, 16, 32, 32)[int(draw() * 8)]
    manner = dice.choice(REPEATING) if kind in CUTTING or kind is FaultKind.DUPLICATE else FaultKind.NONE
    match kind:
        case FaultKind.HTTP_ERROR | FaultKind.IN_BAND_ERROR:
            status, hint = dice.choice(DRAWN_STATUSES), dice.choice(HINTS_S)
            hint = hint if status in (429, 529) else None
            return Fault(kind, at, status=status, retry_after_s=hint, manner=manner, burst=burst)
        case FaultKind.DRIP:
            count = 1 if draw() < 0.5 else 1 + int(draw() * 6)
            return Fault(kind, at, seconds=dice.choice(SECONDS), count=count, burst=burst)
        case FaultKind.SLOW_HEADERS:
            return Fault(kind, seconds=dice.choice((0.5, 119.0, 120.0, 121.0)), burst=burst)
        case FaultKind.PINGS_ONLY:
            return Fault(kind, at, seconds=dice.choice((50.0, 110.0)), manner=manner, burst=burst)
        case FaultKind.OVERLAP:
            return Fault(kind, count=24 + int(draw() * 60), burst=burst)
        case FaultKind.ERROR_AFTER_TERMINAL:
            return Fault(kind, count=int(draw() * 2), burst=burst)
        case _:
            return Fault(kind, at, manner=manner, burst=burst, count=30)


def _store_faults(dice: random.Random, crashes: bool) -> tuple[StoreFault, ...]:
    draw = dice.random
    if crashes:
        kinds = (StoreKind.CRASH_BEFORE_WRITE, StoreKind.CRASH_AFTER_WRITE)
        first = StoreFault(dice.choice(kinds), int(draw() * draw() * 8))
        if draw() < 0.3:
            return (first, StoreFault(dice.choice(kinds), int(draw() * 4), process=1))
        return (first,)
    if draw() < 0.8:
        return ()
    kind = dice.choice(
        (
            StoreKind.FAILS,
            StoreKind.HANGS,
            StoreKind.SLOW,
            StoreKind.SLOW,
            StoreKind.FORGETS,
            StoreKind.FENCED,
            StoreKind.LOAD_FAILS,
        )
    )
    many = dice.choice((1, 1, 2, 100))
    return (StoreFault(kind, int(draw() * 4), count=many, seconds=dice.choice((0.5, 1.5, 6.0))),)


def _consumer(dice: random.Random) -> Consumer:
    draw = dice.random
    many = draw() < 0.65
    if draw() < 0.75:
        if draw() < 0.9:
            return Consumer(many=many, switches=draw() < 0.1)
        limit = 4 if draw() < 0.5 else None
        return Consumer(many=many, slow_s=dice.choice((0.25, 61.0, 200.0)), mailbox_max=limit)
    act = dice.choice((Act.CANCEL, Act.PAUSE, Act.LEAVE, Act.SCOPE))
    by_time = draw() < 0.3
    by_name = not by_time and draw() < 0.5
    return Consumer(
        act=act,
        act_event=1 + int(draw() * 12) if by_name else int(draw() * 25),
        act_s=dice.choice((0.0, 0.125, 0.3, 1.0, 30.0)) if by_time else None,
        act_on=dice.choice(TELLING) if by_name else None,
        reopens=draw() < 0.6,
        keeps_text=draw() < 0.5,
        many=many,
    )
