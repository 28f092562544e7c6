"""Kills a child's run at a chosen moment, looks at what it left, and finishes the run in this process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import trio
from attrs import define, field, frozen

import riverrun as rr
from riverrun.engine.core.journal import restore
from riverrun.engine.core.policy import Limits
from riverrun.testing import RIVERS, TABLE, WEATHER, Answer, Loopback, Wire, open_loopback, read_continuation
from tests.crash.child import LAG_S, QUESTION, RUN_ID, policy_of, provider_at

CHILD = Path(__file__).with_name("child.py")
EVENT_S = 0.002
SLACK_S = 1.0
"""What a busy machine may add to the store's lag."""

LEDGER = Answer(
    "ledger",
    "I shall write each of them down. Мы начинаем 📒. ",
    calls=tuple(rr.ToolCall(f"call_{at}", "write_down", {"row": at, "words": "Wörter und 水 " * 6}) for at in range(6)),
)
"""A short text and long calls: most kills are in or between the calls."""


@frozen
class Moment:
    """When a child dies: after that many lines shown and a pause, or by its own store (`dies_at`)."""

    lines: int = 0
    pause_s: float = 0.0
    dies_at: str | None = None


@frozen
class Case:
    """A run, and the moments at which the processes that run it are killed, one after the other."""

    wire: Wire
    answer: Answer
    moments: tuple[Moment, ...]
    before_delivery: bool = False


@define
class Shown:
    """What one process showed, and when; `killed_s` is just before it was killed."""

    rows: list[dict[str, object]] = field(factory=list)
    killed_s: float = 0.0
    was_killed: bool = False

    def text_until(self, at_s: float) -> str:
        text = ""
        for row in self.rows:
            if float(str(row["at_s"])) <= at_s:
                text = "" if "reset" in row else text + str(row.get("text", ""))
        return text

    @property
    def text(self) -> str:
        return self.text_until(float("inf"))

    @property
    def ready(self) -> list[str]:
        return [str(row["ready"]) for row in self.rows if "ready" in row]

    def has(self, name: str) -> bool:
        return any(name in row for row in self.rows)


@define
class Story:
    """All that can be known of a case: each process's showing, what each left stored, and the end."""

    case: Case
    shown: list[Shown] = field(factory=list)
    stored: list[str] = field(factory=list)
    stored_calls: list[list[str]] = field(factory=list)
    asked_before: list[int] = field(factory=list)
    told: list[str] = field(factory=list)
    last_text: str = ""
    last_ready: list[str] = field(factory=list)
    result: rr.StreamResult | None = None
    runs_left: tuple[str, ...] = ()


def random_case(seed: int, *, kills: int = 1, before_delivery: bool = False) -> Case:
    dice = Random(seed)
    answer = (RIVERS, LEDGER, TABLE, WEATHER)[seed % 4]
    lines_max = {"rivers": 300, "table": 300, "ledger": 16, "weather": 80}[answer.name]
    moments = [Moment(dice.randint(0, lines_max // kills), dice.random() * 0.02) for _ in range(kills)]
    return Case(list(Wire)[seed // 4 % 2], answer, tuple(moments), before_delivery)


async def run_killed(case: Case, moment: Moment, port: int, path: Path) -> Shown:
    """Run a child until its moment, and kill it."""
    arguments = json.dumps([case.wire.value, port, str(path), case.before_delivery, moment.dies_at])
    shown, pending = Shown(), b""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(CHILD), arguments], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    async with process.stdout:
        try:
            async for data in process.stdout:
                pending += data
                *lines, pending = pending.split(b"\n")
                shown.rows += [json.loads(line) for line in lines]
                if len(shown.rows) >= moment.lines and moment.dies_at is None and not shown.killed_s:
                    await trio.sleep(moment.pause_s)
                    shown.killed_s = time.monotonic()
                    process.kill()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
    shown.was_killed = process.returncode == -signal.SIGKILL
    return shown


async def look(story: Story, path: Path) -> None:
    """Note what the last process left in the store, as the next one will find it."""
    async with rr.SQLiteStore(path) as store:
        journal = await store.open_journal(RUN_ID)
    restored = restore(journal.entries, Limits())
    story.stored.append("" if restored is None else restored.accumulator.text)
    story.stored_calls.append([] if restored is None else [c.id for c in restored.accumulator.completed_calls])


async def finish(story: Story, server: Loopback, path: Path) -> None:
    """Finish the run in this process."""
    case = story.case
    async with rr.SQLiteStore(path) as store:
        policy = policy_of(before_delivery=case.before_delivery)
        engine = rr.Engine(provider_at(case.wire.value, server.port), policy=policy, store=store)
        async with engine.open_stream(QUESTION, run_id=RUN_ID) as run:
            async for event in run:
                match event:
                    case rr.TextDelta(text):
                        story.last_text += text
                    case rr.StreamReset():
                        story.last_text = ""
                    case rr.ToolCallReady(call):
                        story.last_ready.append(call.id)
                    case _:
                        pass
        story.result = run.result
        story.runs_left = await store.list_runs()


async def all_read(server: Loopback) -> None:
    """Wait until what the dead process had still asked is read."""
    while server.connections_open:  # noqa: ASYNC110 - the server has no event for it
        await trio.sleep(0.005)


async def tell(case: Case, folder: Path) -> Story:
    """Play a case from its first process to its last."""
    story, path = Story(case), folder / "runs.db"
    async with open_loopback(case.answer, event_s=EVENT_S, seed=len(folder.name)) as server:
        for moment in case.moments:
            story.shown.append(await run_killed(case, moment, server.port, path))
            await look(story, path)
            await all_read(server)
            story.asked_before.append(len(server.requests))
        await finish(story, server, path)
        story.told = [read_continuation(case.wire, body).text for body in server.requests]
    return story


async def tell_all(cases: list[Case], folder: Path, at_once: int = 6) -> list[Story]:
    """Play cases, several at once: most of their time is waiting."""
    stories: list[Story] = []
    turns = trio.CapacityLimiter(at_once)
    folders = [folder / f"case-{number}" for number in range(len(cases))]
    for each in folders:
        await trio.Path(each).mkdir()

    async def play(number: int, case: Case) -> None:
        async with turns:
            stories.append(await tell(case, folders[number]))

    async with trio.open_nursery() as nursery:
        for number, case in enumerate(cases):
            nursery.start_soon(play, number, case)
    return stories


# -- what has to hold -------------------------------------------------------------------------------------------------


def check_whole(story: Story) -> None:
    """The last consumer was given the whole answer once, and nothing is left to do."""
    answer, result = story.case.answer, story.result
    assert result is not None
    assert story.last_text == result.text == answer.text
    assert story.last_ready == [call.id for call in result.tool_calls]
    assert list(result.tool_calls) == list(answer.calls[: len(result.tool_calls)])
    assert bool(result.tool_calls) == bool(answer.calls)
    assert story.runs_left == ()


def check_stored(story: Story) -> None:
    """What was stored is a part of the answer, is at most the lag behind what was shown, and is told to the model."""
    for shown, stored in zip(story.shown, story.stored, strict=True):
        assert story.case.answer.text.startswith(stored)
        assert story.case.answer.text.startswith(shown.text)
        if not stored and shown.has("finished"):  # it died after its run's end: all was shown, and the run forgotten
            assert shown.text == story.case.answer.text
            continue
        if shown.killed_s:
            assert stored.startswith(shown.text_until(shown.killed_s - LAG_S - SLACK_S))
        if story.case.before_delivery:
            assert stored.startswith(shown.text)


def check_told(story: Story) -> None:
    """Each request of a later process told exactly what its predecessor had stored."""
    asked = [*story.asked_before, len(story.told)]
    for before, after, stored in zip(asked[:-1], asked[1:], story.stored, strict=True):
        for said in story.told[before:after]:
            assert said.rstrip() == stored.rstrip()


def check_calls(story: Story) -> None:
    """No stored call is lost: once one is stored, nothing more is asked and exactly the stored ones are handed out."""
    for shown, calls in zip(story.shown, story.stored_calls, strict=True):
        if story.case.before_delivery and not shown.has("finished"):
            assert calls[: len(shown.ready)] == shown.ready
    if story.stored_calls[-1]:
        assert story.last_ready == story.stored_calls[-1]
        assert len(story.told) == story.asked_before[-1]


def check(story: Story) -> None:
    """Everything, of processes that were really killed."""
    assert all(shown.was_killed for shown in story.shown)
    check_whole(story)
    check_stored(story)
    check_told(story)
    check_calls(story)
