"""The claims about a checkpoint store: scripts over a fresh store, each with the law that it is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from ....core.errors import CheckpointMismatch, StoreError
from ....core.events import TextDelta
from ....core.messages import Message
from ....core.request import InferenceRequest
from ....engine import Engine
from ....stores.store import CheckpointStore, FirstEntryReader, StaleFence
from ...law import Law
from ...script.answers import HOSTILE_TEXTS
from ...script.faults import Fault
from ...script.speech import ignore
from ...simulator.event_level import EventWorld
from ...simulator.model import Model
from ...simulator.scenario import Scenario
from ...simulator.state import REQUEST, RUN_ID
from ..blocking import blocking_calls
from ..expectations import Broken, Claim, Reopen, expect, refuses
from .races import RACES

MANY = 1100
"""So many entries in one run, and so many runs: an order by name instead of by number, or a cap, shows before, and
a page: those of S3, which are among the longest, hold 1,000 (docs.aws.amazon.com, ListObjectsV2)."""

NAMES = (
    *("a", "ab", "A", "a ", "a:0", "a:entries", "a/b", "a%", "a_", "a*", "a?", "a\x00b", "\u00e9", "e\u0301"),
    *("x" * 5000 + "1", "x" * 5000 + "2"),
)
"""Names that one key, pattern, form or length makes one: prefixes, wildcards, NFC and NFD, 255 characters."""

LARGE_BYTES = 1024 * 1024
"""So large is the largest: a sixty-fourth of what a store takes."""


async def _read_back(store: CheckpointStore, reopen: Reopen) -> None:
    entries = (b"first", b"", b"\x00\xff\n", bytes(range(256)) * 300)
    expect((await store.open_journal("a")).entries, (), "a run that was never opened holds")
    fence = (await store.open_journal("a")).fence
    for sequence, entry in enumerate(entries):
        await store.append("a", fence, sequence, entry)
    expect((await store.open_journal("a")).entries, entries, "what was saved is read back as")
    expect((await reopen(store).open_journal("a")).entries, entries, "the next process reads")


async def _long_run(store: CheckpointStore, reopen: Reopen) -> None:
    large = b"".join(b"%015d\n" % number for number in range(LARGE_BYTES // 16))
    entries = (*(b"entry %d" % number for number in range(MANY)), large, b"after it")
    fence = (await store.open_journal("a")).fence
    for sequence, entry in enumerate(entries):
        await store.append("a", fence, sequence, entry)
    opened = await store.open_journal("a")
    expect(opened.entries, entries, f"of a run of {len(entries)} entries, read back is")
    kinds = {type(entry).__name__ for entry in opened.entries}
    expect(kinds, {"bytes"}, "the types of the entries are")
    expect((await reopen(store).open_journal("a")).entries, entries, "of a long run, the next process reads")


async def _first_entry(store: CheckpointStore, reopen: Reopen) -> None:
    if not isinstance(store, FirstEntryReader):
        return
    expect(await store.first_entry("a"), None, "a run that was never opened begins with")
    expect(await store.list_runs(), (), "after the first entry of an unknown run was read, the runs are")
    fence = (await store.open_journal("a")).fence
    expect(await store.first_entry("a"), None, "a run without entries begins with")
    for sequence, entry in enumerate((b"\x00first", b"second")):
        await store.append("a", fence, sequence, entry)
        expect(await store.first_entry("a"), b"\x00first", f"a run of {sequence + 1} entries begins with")
    await store.delete("a", fence)
    expect(await store.first_entry("a"), None, "a run that was deleted begins with")


async def _any_name(store: CheckpointStore, reopen: Reopen) -> None:
    names = (*HOSTILE_TEXTS, "", "A", "a", "a ", "\ud800", "../../x", "'; DROP TABLE runs; --", "x" * 5000)
    for name in names:
        fence = (await store.open_journal(name)).fence
        await store.append(name, fence, 0, name.encode("utf-8", "surrogatepass"))
    expect(await store.list_runs(), names, "the runs, in the order of their first opening, are")
    for name in names:
        said = (name.encode("utf-8", "surrogatepass"),)
        expect((await reopen(store).open_journal(name)).entries, said, f"run {name[:40]!r} holds")


async def _many_runs(store: CheckpointStore, reopen: Reopen) -> None:
    names = tuple(f"run {number}" for number in range(MANY))
    for name in names:
        await store.open_journal(name)
    expect(await reopen(store).list_runs(), names, f"of {MANY} runs, listed are")


async def _deletes_one(store: CheckpointStore, reopen: Reopen) -> None:
    following = reopen(store)
    for names in (NAMES, NAMES[::-1]):  # the longer name is deleted before the shorter one, and after it
        fences: dict[str, int] = {}
        for name in names:
            fences[name] = (await store.open_journal(name)).fence
            await store.append(name, fences[name], 0, name.encode())
        while fences:
            name, fence = next(iter(fences.items()))
            await store.delete(name, fence)
            del fences[name]
            await _expect_left(following, fences, name)


async def _expect_left(store: CheckpointStore, fences: dict[str, int], deleted: str) -> None:
    """Look whether the others are there, and own them anew."""
    after = f"after the deletion of {_shown(deleted)},"
    expect(await store.list_runs(), tuple(fences), f"{after} the runs are")
    for name in fences:
        opened = await store.open_journal(name)
        expect(opened.entries, (name.encode(),), f"{after} {_shown(name)} holds")
        fences[name] = opened.fence


def _shown(name: str) -> str:
    return repr(name) if len(name) < 20 else f"'{name[:3]}…{name[-3:]}' ({len(name)} characters)"


async def _in_order(store: CheckpointStore, reopen: Reopen) -> None:
    fence = (await store.open_journal("a")).fence
    await store.append("a", fence, 0, b"zero")
    await refuses(store.append("a", fence, 2, b"two"), StoreError, "an entry that leaves a gap")
    await refuses(store.append("a", fence, -1, b"before"), StoreError, "an entry of number -1")
    await store.append("a", fence, 0, b"zero")
    await refuses(store.append("a", fence, 0, b"other"), StoreError, "another entry under a number that is taken")
    await store.append("a", fence, 1, b"one")
    expect((await reopen(store).open_journal("a")).entries, (b"zero", b"one"), "the entries are")


async def _fenced(store: CheckpointStore, reopen: Reopen) -> None:
    stale = (await store.open_journal("a")).fence
    await store.append("a", stale, 0, b"mine")
    owner = (await reopen(store).open_journal("a")).fence
    if not owner > stale > 0:
        raise Broken(f"the fences of two openings are {stale} and {owner}; expected them to grow")
    await refuses(store.append("a", stale, 1, b"late"), StaleFence, "an entry of a writer that was locked out")
    await refuses(store.append("a", stale, 0, b"mine"), StaleFence, "the same entry of a writer that was locked out")
    await refuses(store.delete("a", stale), StaleFence, "a deletion by a writer that was locked out")
    await refuses(store.append("a", owner + 7, 1, b""), StoreError, "a fence that was never given out")
    await refuses(store.delete("a", owner + 7), StoreError, "a deletion by a fence that was never given out")
    expect((await store.open_journal("a")).entries, (b"mine",), "after that, the entries are")


async def _deleted(store: CheckpointStore, reopen: Reopen) -> None:
    left_over = [(await store.open_journal("a")).fence for _ in range(3)]
    await store.append("a", left_over[-1], 0, b"old")
    other = (await store.open_journal("b")).fence
    await store.delete("a", left_over[-1])
    await store.delete("a", left_over[-1])
    await store.delete("never", 7)
    expect(await reopen(store).list_runs(), ("b",), "after the deletion of a, the runs are")
    await store.delete("b", other)
    await refuses(store.append("a", left_over[-1], 1, b"ghost"), StaleFence, "an entry for a run that was deleted")
    again = await store.open_journal("a")
    if again.fence <= left_over[-1]:
        raise Broken(f"the fence of the new run is {again.fence}; expected more than {left_over[-1]}, the old run's")
    expect(again.entries, (), "a run that was deleted and is opened again holds")
    for fence in left_over:
        await refuses(store.append("a", fence, 0, b"ghost"), StaleFence, "an entry by a writer of the deleted run")
    await store.append("a", again.fence, 0, b"new")
    expect((await store.open_journal("a")).entries, (b"new",), "the new run holds")


async def _unknown(store: CheckpointStore, reopen: Reopen) -> None:
    await refuses(store.append("a\nb" * 400, 1, 0, b""), StaleFence, "an entry for a run that was never opened")
    expect(await store.list_runs(), (), "the runs are")


async def _side_by_side(store: CheckpointStore, reopen: Reopen) -> None:
    fences: list[int] = []
    processes = (store, reopen(store))

    async def open_one(process: CheckpointStore) -> None:
        fences.append((await process.open_journal("one")).fence)

    async def write_run(name: str) -> None:
        fence = (await store.open_journal(name)).fence
        for sequence in range(5):
            await store.append(name, fence, sequence, f"{name}{sequence}".encode())

    async with trio.open_nursery() as nursery:
        for number, name in enumerate("abcdef"):
            nursery.start_soon(open_one, processes[number % 2])
            nursery.start_soon(write_run, name)
    expect(len(set(fences)), 6, f"six tasks open one run and get the fences {sorted(fences)}; different ones are")
    for name in "abcdef":
        said = tuple(f"{name}{n}".encode() for n in range(5))
        expect((await store.open_journal(name)).entries, said, f"run {name}, written beside five others, holds")


async def _blocks_nobody(store: CheckpointStore, reopen: Reopen) -> None:
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "open_journal": lambda: store.open_journal("a"),
        "append": lambda: store.append("a", 1, 0, b"zero"),
        "list_runs": store.list_runs,
        "open_journal of what is stored": lambda: store.open_journal("a"),
        "delete": lambda: store.delete("a", 2),
        "aclose": store.aclose,
    }
    if isinstance(store, FirstEntryReader):
        calls = {"open_journal": calls.pop("open_journal"), "first_entry": lambda: store.first_entry("a"), **calls}
    for name, call in calls.items():
        with blocking_calls() as seen:
            await call()
        if seen:
            raise Broken(f"{name} calls {seen[0]} in the thread of the loop, where every task waits; expected another")


async def _cancellable(store: CheckpointStore, reopen: Reopen) -> None:
    fence = (await store.open_journal("a")).fence
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "append": lambda: store.append("a", fence, 0, b"zero"),
        "list_runs": store.list_runs,
        "open_journal": lambda: store.open_journal("a"),
        "delete": lambda: store.delete("b", 1),
    }
    for name, call in calls.items():
        await _cancelled(name, call)
    fence = (await store.open_journal("a")).fence
    await store.append("a", fence, 0, b"zero")  # stored or not by the cancelled call: the same again is fine
    await _cancelled("append of what is stored", lambda: store.append("a", fence, 0, b"zero"))
    expect((await store.open_journal("a")).entries, (b"zero",), "after a cancelled write that is repeated, it holds")
    fence = (await store.open_journal("a")).fence
    await _cancelled("delete of a run that is stored", lambda: store.delete("a", fence))


async def _cancelled(name: str, call: Callable[[], Awaitable[object]]) -> None:
    with trio.CancelScope() as scope:
        scope.cancel(reason="a claim about cancellation")
        await call()
    if not scope.cancelled_caught:
        raise Broken(f"{name} in a cancelled scope goes through without a checkpoint; expected Cancelled")


async def _closed(store: CheckpointStore, reopen: Reopen) -> None:
    await store.open_journal("a")
    await store.aclose()
    await store.aclose()
    await refuses(store.open_journal("a"), StoreError, "opening a run in a closed store")
    await refuses(store.append("a", 1, 0, b""), StoreError, "writing to a closed store")
    await refuses(store.delete("a", 1), StoreError, "deleting in a closed store")
    await refuses(store.list_runs(), StoreError, "listing a closed store")
    if isinstance(store, FirstEntryReader):
        await refuses(store.first_entry("a"), StoreError, "reading a first entry in a closed store")


async def _closed_by_a_cancelled(store: CheckpointStore, reopen: Reopen) -> None:
    await store.open_journal("a")
    with trio.CancelScope() as scope:
        scope.cancel(reason="a claim about cancellation")
        await store.aclose()
    await refuses(store.open_journal("a"), StoreError, "opening a run after aclose() in a cancelled scope")


async def _other_request(store: CheckpointStore, reopen: Reopen) -> None:
    one_by_one = Scenario(faults=(Fault(burst=1),))
    engine = Engine(EventWorld(Model(one_by_one, lambda: 0.0, ignore), REQUEST, lambda: 0.5).source, store=store)
    async with engine.open_stream(REQUEST, run_id=RUN_ID) as run:
        async for event in run:
            if isinstance(event, TextDelta):
                run.pause()
    kept = run.result.text
    try:
        async with engine.open_stream(InferenceRequest(Message.user("Another.")), run_id=RUN_ID):
            raise Broken("another request under the same run id is answered; expected CheckpointMismatch")
    except CheckpointMismatch:
        pass
    following = Engine(engine.provider, store=reopen(store))
    async with following.open_stream(REQUEST, run_id=RUN_ID) as run:
        again = await run.receive()
    expect(again, TextDelta(kept), "a paused run that is opened again begins with")


CLAIMS = (
    Claim(Law.ONE_STREAM, "what was saved is read back, whole and in order", _read_back),
    Claim(Law.ONE_STREAM, "the first entry is read, by a store that offers it, and nobody is locked out", _first_entry),
    Claim(Law.ONE_STREAM, "a long run and a large entry are read back, whole and in order", _long_run),
    Claim(Law.ONE_STREAM, "any string is a run id, and no two are one", _any_name),
    Claim(Law.ONE_STREAM, "a deletion is of one run, whatever the others are called", _deletes_one),
    Claim(Law.ONE_STREAM, "many runs are listed, in the order of their first opening", _many_runs),
    Claim(Law.ONE_STREAM, "entries are numbered without a gap, and never replaced", _in_order),
    Claim(Law.ONE_STREAM, "whoever opened last owns the run", _fenced),
    Claim(Law.ONE_STREAM, "a deleted run is gone, and its writers stay locked out", _deleted),
    Claim(Law.ONE_STREAM, "another request is refused", _other_request),
    Claim(Law.ONE_END, "what can not be done is a StoreError", _unknown),
    Claim(Law.ANY_ORDER, "many tasks use it at once", _side_by_side),
    Claim(Law.ANY_ORDER, "no call holds up the tasks of others", _blocks_nobody),
    Claim(Law.CANCEL, "every method is a checkpoint, and can be repeated", _cancellable),
    *RACES,
    Claim(Law.NO_LEAKS, "a closed store refuses every use", _closed),
    Claim(Law.NO_LEAKS, "a store whose closing was cancelled is closed", _closed_by_a_cancelled),
)
"""All of them."""
