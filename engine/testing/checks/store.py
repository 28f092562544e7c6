"""The laws on a checkpoint store: its claims, any sequence of calls beside the store in memory, and simulated runs."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import trio
from attrs import define, field, frozen

from ...core.errors import StoreError
from ...core.usage_error import UsageError
from ...error_groups import fault_of
from ...stores.store import CheckpointStore
from ..law import ANY_ORDER, CANCEL, LIVENESS, NO_LEAKS, ONE_END, ONE_STREAM, WHOLE_CALLS, Held, LawBroken
from ..required import require_draws
from ..script.speech import nobody_listens
from ..simulator.clock import order_tasks_by, seeded_order
from ..simulator.model import Violation
from .expectations import Broken, Claim, Reopen
from .store_clock import PatientClock
from .store_contract import CLAIMS
from .store_deadline import ANSWER_S, AnsweringStore, answering
from .store_reference import MirroredStore
from .store_runs import MakeStore, check_simulated

STORE_LAWS = (ONE_STREAM, ONE_END, WHOLE_CALLS, CANCEL, NO_LEAKS, ANY_ORDER)

Script: TypeAlias = Callable[[CheckpointStore, Reopen], Awaitable[None]]


def check_store(make_store: MakeStore, *, reopen: Reopen | None = None, runs: int = 100, seed: int = 0) -> Held:
    """Prove a store safe by its claims, any sequence of calls and simulated runs that crash, or show what it loses.

    Six of the eleven laws depend on a store. "One stream": what was saved is read back whole and in order, a later
    opening locks every earlier writer out, a deleted run is gone and its writers stay locked out, another request under
    the same id is refused. "Exactly one end": it raises `StoreError` and nothing else. "Whole calls": no released call
    is lost over a crash. "Cancellation wins": each method is a checkpoint. "Nothing leaks": a closed store is closed.
    "Any task order": tasks, runs and processes do not disturb each other, and no call blocks the loop. In the simulated
    runs the real engine writes to the store, and is killed before and after its writes; every answer of the store is
    compared with that of `MemoryStore`.

    Args:
        make_store: makes a fresh, empty store; it is closed here.
        reopen: given a store, makes the one that the next process has over the same data; closed here too. None: the
            store lives as long as its process, and is used on.
        runs: how many sequences of calls; half as many simulated runs.
        seed: the first seed.

    Raises:
        LawBroken: with the law, and the smallest script, sequence or run as a story.
        UsageError: an argument that no check can begin with, or a call inside a trio run.
    Cost: some hundred calls of the store for each of `runs`.
    """
    require_draws("check_store", runs, seed)
    for name, made in (("make_store", make_store), ("reopen", reopen)):
        if not callable(made) and not (name == "reopen" and made is None):
            said = "a function that makes a store: the class itself, say, and not one that is made"
            raise UsageError(f"check_store({name}=) is {repr(made)[:80]}; expected {said}")
    for claim in CLAIMS:
        _check_claim(claim, make_store, reopen)
    for one in range(seed, seed + runs):
        _check_calls(_calls_of(one), make_store, reopen)
    for one in range(seed, seed + max(runs // 2, 1)):
        check_simulated(make_store, one)
    return Held(STORE_LAWS, max(runs // 2, 1), runs + len(CLAIMS))


# -- claims -------------------------------------------------------------------------------------------------------


@define(eq=False)
class _Opened:
    """A store, and those that were made over the same data, each with a deadline on its calls; all close together."""

    make_next: Reopen | None
    clock: PatientClock | None
    stores: list[AnsweringStore] = field(factory=list[AnsweringStore])

    def add(self, store: CheckpointStore) -> CheckpointStore:
        self.stores.append(answering(store, self.clock))
        return self.stores[-1]

    def reopen(self, store: CheckpointStore) -> CheckpointStore:
        if self.make_next is None:
            return store
        return self.add(self.make_next(store.theirs if isinstance(store, AnsweringStore) else store))

    async def aclose(self) -> Violation | None:
        """Close all; one that was closed already is closed again."""
        broken: Violation | None = None
        for store in self.stores:
            try:
                await store.aclose()
            except Broken as late:
                broken = Violation(LIVENESS, str(late))
            except Exception as error:  # whatever a stranger's store raises is the finding
                said = f"aclose() raised {type(error).__name__}: {error}"[:300]
                broken = Violation(NO_LEAKS, f"{said}; expected a store to close, also when it is closed already")
        return broken


_MEMBERS = ("open_journal", "append", "delete", "list_runs", "aclose")


def _require_store(made: CheckpointStore) -> CheckpointStore:
    missing = [name for name in _MEMBERS if not callable(getattr(made, name, None))]
    if missing:
        said = f"{type(made).__name__}, which has no {', '.join(missing)}"
        raise UsageError(f"check_store(make_store=) made a {said}; expected a CheckpointStore")
    return made


def _run(
    make_store: MakeStore, reopen: Reopen | None, script: Script, law: str, *, clock: PatientClock | None = None
) -> Violation | None:
    """Run a script over a fresh store, in real time or on a clock that waits for the store; returns what broke."""

    async def main() -> Violation | None:
        order_tasks_by(random.Random(0).random)  # noqa: S311 - a test's dice have to repeat
        opened = _Opened(reopen, clock)
        opened.add(_require_store(make_store()))
        return await _judge(script, opened, law) or await opened.aclose()

    with seeded_order(clock):
        return trio.run(main, clock=clock)


async def _judge(script: Script, opened: _Opened, law: str) -> Violation | None:
    try:
        await script(opened.stores[0], opened.reopen)
    except ExceptionGroup as group:
        return _judge_error(fault_of(group, Broken), law)
    except Exception as error:  # whatever a stranger's store raises is the finding
        return _judge_error(error, law)
    return None


def _judge_error(error: Exception, law: str) -> Violation:
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, Broken):
        return Violation(error.law or law, str(error))
    if isinstance(error, StoreError):
        return Violation(law, f"a legal call is refused: {said}"[:300])
    return Violation(ONE_END, f"a call raised {said}; expected a StoreError"[:300])


def _check_claim(claim: Claim, make_store: MakeStore, reopen: Reopen | None) -> None:
    broken = _run(make_store, reopen, claim.run, claim.law)
    if broken is not None:
        raise LawBroken(broken.law, f"claim     {claim.says}\nBROKEN  {broken.law}: {broken.message}\n")


# -- any sequence of calls ----------------------------------------------------------------------------------------


@frozen
class Call:
    """One call: `writer` says by which of the run's openings, the latest is 0; `sequence` is counted from what fits."""

    what: str
    run: str
    writer: int = 0
    sequence: int = 0

    def __str__(self) -> str:
        by = f", by writer -{self.writer}" if self.writer else ""
        place = f", entry {self.sequence:+} from the next" if self.what == "append" and self.sequence else ""
        return f"{self.what}({self.run!r}{by}{place})"


def _calls_of(seed: int) -> list[Call]:
    dice = random.Random(seed)  # noqa: S311 - a test's dice have to repeat
    whats = ("open", "open", "append", "append", "append", "append", "delete", "list", "reopen")
    shifts, writers = (0, 0, 0, 0, -1, 1), (0, 0, 0, 1, 2)
    count = dice.randint(4, 24)
    drawn = [(dice.choice(whats), dice.choice("aab"), dice.choice(writers), dice.choice(shifts)) for _ in range(count)]
    return [Call("open", "a"), *(Call(*row) for row in drawn)]


def _check_calls(calls: list[Call], make_store: MakeStore, reopen: Reopen | None) -> None:
    broken = _play(calls, make_store, reopen)
    if broken is None:
        return
    if broken.law != LIVENESS:  # each smaller one would be waited for as long
        calls, broken = _shrink(calls, broken, lambda fewer: _play(fewer, make_store, reopen))
    script = "".join(f"call      {call}\n" for call in calls)
    raise LawBroken(broken.law, f"{script}BROKEN  {broken.law}: {broken.message}\n")


def _shrink(
    calls: list[Call], broken: Violation, play: Callable[[list[Call]], Violation | None]
) -> tuple[list[Call], Violation]:
    """Leave calls out, one by one, as long as something breaks."""
    at = 0
    while at < len(calls):
        fewer = [*calls[:at], *calls[at + 1 :]]
        said = play(fewer)
        calls, broken, at = (fewer, said, 0) if said else (calls, broken, at + 1)
    return calls, broken


def _play(calls: Sequence[Call], make_store: MakeStore, reopen: Reopen | None) -> Violation | None:
    async def script(store: CheckpointStore, next_process: Reopen) -> None:
        mirrored = MirroredStore(store, {})
        for number, call in enumerate(calls, 1):
            await _make(mirrored, call, number, next_process)
            if mirrored.broken:
                raise Broken(f"call {number}, {call}: {mirrored.broken[0].message}")

    return _run(make_store, reopen, script, ONE_STREAM, clock=PatientClock(nobody_listens, answer_s=ANSWER_S))


async def _make(store: MirroredStore, call: Call, number: int, next_process: Reopen) -> None:
    fences = store.fences.get(call.run, [])
    fence = fences[-1 - call.writer % len(fences)] if fences else 1
    try:
        match call.what:
            case "open":
                await store.open_journal(call.run)
            case "append":
                sequence = store.count(call.run) + call.sequence
                await store.append(call.run, fence, sequence, b"entry %d" % number)
            case "delete":
                await store.delete(call.run, fence)
            case "list":
                await store.list_runs()
            case _:
                store.replace(next_process(store.theirs))
    except StoreError:
        return  # refused by the store in memory: what the other one said to it is noted
