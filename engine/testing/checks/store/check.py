"""The laws on a checkpoint store: its claims, any sequence of calls beside the store in memory, and simulated runs."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

import trio
from attrs import define, field, frozen

from ....core.errors import StoreError
from ....core.usage_error import UsageError
from ....error_groups import fault_of
from ....stores.store import CheckpointStore
from ...law import Held, Law, LawBroken, Violation, require_draws, told_alone
from ...script.speech import ignore
from ...simulator.clock import order_tasks_by, seeded_order
from ..expectations import Broken, Claim, Reopen
from .clock import PatientClock
from .contract import CLAIMS
from .deadline import ANSWER_S, AnsweringStore, answering
from .reference import MirroredStore
from .runs import MakeStore, check_simulated

STORE_LAWS = (Law.ONE_STREAM, Law.ONE_END, Law.WHOLE_CALLS, Law.CANCEL, Law.NO_LEAKS, Law.ANY_ORDER)

Script: TypeAlias = Callable[[CheckpointStore, Reopen], Awaitable[None]]


@told_alone
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
        runs: how many sequences of calls, which need Hypothesis (without it none is played); half as many simulated
            runs.
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
    drawn = _check_sequences(make_store, reopen, runs, seed)
    for one in range(seed, seed + max(runs // 2, 1)):
        check_simulated(make_store, one)
    return Held(STORE_LAWS, max(runs // 2, 1), drawn + len(CLAIMS))


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
                broken = Violation(Law.LIVENESS, str(late))
            except Exception as error:  # whatever the store raises is the finding
                said = f"aclose() raised {type(error).__name__}: {error}"[:300]
                broken = Violation(Law.NO_LEAKS, f"{said}; expected a store to close, also when it is closed already")
        return broken


_MEMBERS = ("open_journal", "append", "delete", "list_runs", "aclose")


def _require_store(made: CheckpointStore) -> CheckpointStore:
    missing = [name for name in _MEMBERS if not callable(getattr(made, name, None))]
    if missing:
        said = f"{type(made).__name__}, which has no {', '.join(missing)}"
        raise UsageError(f"check_store(make_store=) made a {said}; expected a CheckpointStore")
    return made


def _run(
    make_store: MakeStore, reopen: Reopen | None, script: Script, law: Law, *, clock: PatientClock | None = None
) -> Violation | None:
    """Run a script over a fresh store, in real time or on a clock that waits for the store; returns what broke."""

    async def main() -> Violation | None:
        order_tasks_by(random.Random(0).random)  # noqa: S311 - a test's dice have to repeat
        opened = _Opened(reopen, clock)
        opened.add(_require_store(make_store()))
        return await _judge(script, opened, law) or await opened.aclose()

    with seeded_order(clock):
        return trio.run(main, clock=clock)


async def _judge(script: Script, opened: _Opened, law: Law) -> Violation | None:
    try:
        await script(opened.stores[0], opened.reopen)
    except ExceptionGroup as group:
        return _judge_error(fault_of(group, Broken), law)
    except Exception as error:  # whatever the store raises is the finding
        return _judge_error(error, law)
    return None


def _judge_error(error: Exception, law: Law) -> Violation:
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, Broken):
        return Violation(error.law or law, str(error))
    if isinstance(error, StoreError):
        return Violation(law, f"a legal call is refused: {said}"[:300])
    return Violation(Law.ONE_END, f"a call raised {said}; expected a StoreError"[:300])


def _check_claim(claim: Claim, make_store: MakeStore, reopen: Reopen | None) -> None:
    broken = _run(make_store, reopen, claim.run, claim.law)
    if broken is not None:
        raise LawBroken(broken.law, _story(f"claim     {claim.says}\n", broken))


def _story(given: str, broken: Violation) -> str:
    return f"{given}BROKEN  {broken.law}: {broken.message}\n"


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

    async def make(self, store: MirroredStore, entry: bytes, reopen: Reopen) -> None:
        """Make the call. What the store in memory refuses is no error: what theirs said to it is noted."""
        fences = store.fences.get(self.run, [])
        fence = fences[-1 - self.writer % len(fences)] if fences else 1
        with suppress(StoreError):
            match self.what:
                case "open":
                    await store.open_journal(self.run)
                case "append":
                    await store.append(self.run, fence, store.count(self.run) + self.sequence, entry)
                case "delete":
                    await store.delete(self.run, fence)
                case "list":
                    await store.list_runs()
                case _:
                    store.replace(reopen(store.theirs))


CALLS_MAX = 48
"""How many calls a sequence has at most; some places stay empty."""

DRAWN: tuple[Call | None, ...] = (
    *(None for _ in range(15)),
    *(Call("open", run) for run in "aab" * 6),
    *(Call("append", run, writer, at) for run in "aab" for writer in (0, 0, 0, 1, 2) for at in (0, 0, 0, 0, -1, 1)),
    *(Call("delete", run, writer) for run in "aab" for writer in (0, 0, 1, 2)),
    *(Call(what, "a") for what in ("list", "reopen") for _ in range(6)),
)
"""What stands in one place of a sequence, the simplest first; what is likelier stands here oftener."""


def _check_sequences(make_store: MakeStore, reopen: Reopen | None, runs: int, seed: int) -> int:
    """Play drawn sequences of calls beside the store in memory; returns how many, 0 without Hypothesis."""
    if importlib.util.find_spec("hypothesis") is None:
        return 0
    from hypothesis import strategies as st

    from ...find_smallest import find_smallest

    places = st.lists(st.sampled_from(DRAWN), min_size=CALLS_MAX, max_size=CALLS_MAX)
    broken: list[Violation] = []

    def breaks(calls: Sequence[Call]) -> bool:
        if broken and broken[-1].law == Law.LIVENESS:  # each smaller one would be waited for as long
            return False
        found = _play(calls, make_store, reopen)
        broken.extend([found] if found else [])
        return found is not None

    calls = find_smallest(places.map(lambda drawn: tuple(filter(None, drawn))), breaks, runs=runs, seed=seed)
    if calls is not None:
        raise LawBroken(broken[-1].law, _story("".join(f"call      {call}\n" for call in calls), broken[-1]))
    return runs


def _play(calls: Sequence[Call], make_store: MakeStore, reopen: Reopen | None) -> Violation | None:
    async def script(store: CheckpointStore, next_process: Reopen) -> None:
        mirrored = MirroredStore(store, {})
        for number, call in enumerate(calls, 1):
            await call.make(mirrored, b"entry %d" % number, next_process)
            if mirrored.broken:
                raise Broken(f"call {number}, {call}: {mirrored.broken[0].message}")

    return _run(make_store, reopen, script, Law.ONE_STREAM, clock=PatientClock(ignore, answer_s=ANSWER_S))
