"""Law 7, cancellation wins: at every task step of a run, from outside, by `cancel` and by `pause`, and by leaving.

The scenario meets every phase: opening, streaming, a reset, backing off, continuing, a stall, writing checkpoints, a
call, the end. It is run once to count its task steps, and then once for each step at which somebody interferes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.journal import restore
from riverrun.engine.core.policy import Limits
from riverrun.engine.testing.network.script import Reset, Silence
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from tests.law_runs import PROVIDERS, QUESTION, HonestNetwork, KeepingStore, Seen, Whole

pytestmark = pytest.mark.laws

WHOLE = Whole("tök1 tök2 tök3 tök4 tök5", (rr.ToolCall("call_0", "look", {"at": "the river"}),), "Let me think.")
POLICY = rr.Policy(retry=rr.RetryPolicy(attempts_max=9), checkpoint=rr.CheckpointPolicy(lag_bytes=8, lag_s=0.01))


class Steps(trio.abc.Instrument):
    """Counts task steps, and calls `act` before the one whose number is `at`."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.count = 0
        self._at = at
        self._act = act

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += 1
        if self.count == self._at:
            self._act()


@define
class World:
    """One run of the scenario and everything that can be asked about it afterwards."""

    store: KeepingStore = field(factory=KeepingStore)
    seen: Seen = field(factory=Seen)
    run: rr.Run | None = None
    transport: ScriptedTransport | None = None
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    steps: int = 0

    @property
    def stored_text(self) -> str:
        restored = restore(self.store.kept, Limits())
        return "" if restored is None else restored.accumulator.text

    def check_nothing_is_lost(self) -> None:
        assert WHOLE.text.startswith(self.seen.text)
        assert self.stored_text.startswith(self.seen.text)
        assert self.transport is not None
        assert self.transport.open_bodies == 0
        ids = [call.id for call in self.seen.ready]
        assert len(ids) == len(set(ids))


def network() -> HonestNetwork:
    wire, _ = PROVIDERS["anthropic, by prefill"]
    net = HonestNetwork(wire, WHOLE)
    net.firsts = [
        lambda events: [*events[:8], Reset()],
        lambda events: [*events[:5], Silence()],
        lambda events: [*events[:-9], Silence(1.0)],
        list,
    ]
    return net


async def scenario(world: World, body: Callable[[rr.Run, World], Awaitable[None]]) -> None:
    net = network()

    def script_for(request: object) -> Script:
        script = net.script_for(request)  # type: ignore[arg-type]
        return Script(script.steps, opens_after_s=0.5)

    world.transport = ScriptedTransport(script_for)
    provider = PROVIDERS["anthropic, by prefill"][1]()
    engine = rr.Engine(provider, policy=POLICY, store=world.store, transport=world.transport, chance=lambda: 0.5)
    with world.scope:
        async with engine.open_stream(QUESTION, run_id="run") as run:
            world.run = run
            await body(run, world)


async def consume(run: rr.Run, world: World) -> None:
    async for event in run:
        world.seen.take(event)
        await trio.lowlevel.checkpoint()


def play(at: int, act: Callable[[World], None], body: Callable[[rr.Run, World], Awaitable[None]] = consume) -> World:
    world = World()
    steps = Steps(at, lambda: act(world))
    trio.run(scenario, world, body, clock=MockClock(autojump_threshold=0), instruments=[steps])
    world.steps = steps.count
    return world


def nobody(_world: World) -> None:
    return


def all_steps() -> range:
    return range(1, play(0, nobody).steps + 1)


def cancel_outside(world: World) -> None:
    world.scope.cancel()


def test_undisturbed_the_scenario_meets_every_phase() -> None:
    world = play(0, nobody)
    assert world.run is not None
    result = world.run.result
    assert (world.seen.text, result.stop_reason) == (WHOLE.text, rr.StopReason.TOOL_USE)
    assert [str(attempt.cause) for attempt in result.attempts] == [
        "connection reset",
        "idle stall",
        "premature end",
        "None",
    ]
    assert world.store.kept


def test_cancelled_from_outside_at_any_step_it_ends_at_once_and_keeps_what_was_received() -> None:
    for step in all_steps():
        world = play(step, cancel_outside)
        world.check_nothing_is_lost()
        if world.scope.cancelled_caught and world.run is not None:
            assert world.run.result.text.startswith(world.seen.text), step


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda run: run.cancel(), rr.StopReason.CANCELLED),
        (lambda run: run.pause(), rr.StopReason.PAUSED),
    ],
    ids=["cancel", "pause"],
)
def test_cancel_and_pause_at_any_step_end_with_finished_and_the_text_that_was_shown(
    act: Callable[[rr.Run], None], reason: rr.StopReason
) -> None:
    ended_by_us = 0
    for step in all_steps():
        world = play(step, lambda world: act(world.run) if world.run is not None else None)
        world.check_nothing_is_lost()
        last = world.seen.events[-1]
        assert isinstance(last, rr.Finished), step
        assert last.result.text == world.seen.text == world.stored_text
        ended_by_us += last.result.stop_reason is reason
    assert ended_by_us > 50


def test_left_at_any_event_the_run_ends_and_the_store_holds_what_was_shown() -> None:
    total = len(play(0, nobody).seen.events)
    for count in range(total):

        async def leave_after(run: rr.Run, world: World, count: int = count) -> None:
            for _ in range(count):
                world.seen.take(await run.receive())

        play(0, nobody, leave_after).check_nothing_is_lost()


def test_the_body_s_own_exception_leaves_as_it_is_at_any_event() -> None:
    for count in range(0, len(play(0, nobody).seen.events), 3):
        mine = KeyError("mine")

        async def raise_after(run: rr.Run, _world: World, count: int = count, mine: KeyError = mine) -> None:
            for _ in range(count):
                await run.receive()
            raise mine

        with pytest.raises(KeyError) as caught:
            play(0, nobody, raise_after)
        assert caught.value is mine


def test_a_run_paused_at_any_step_goes_on_to_the_exact_whole_when_it_is_opened_again() -> None:
    for step in list(all_steps())[::5]:
        world = play(step, lambda world: world.run.pause() if world.run is not None else None)
        again = World(store=world.store)
        trio.run(scenario, again, consume, clock=MockClock(autojump_threshold=0))
        assert again.seen.text == WHOLE.text, step
        assert [call.id for call in again.seen.ready] == ["call_0"], step


async def test_cancelling_while_a_store_hangs_is_delayed_by_no_more_than_the_last_flush(
    autojump_clock: MockClock,
) -> None:
    class Hanging(KeepingStore):
        async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
            await trio.sleep_forever()

    world = World(store=Hanging())
    began_s = trio.current_time()
    world.scope.deadline = began_s + 1.0
    await scenario(world, consume)
    assert trio.current_time() - began_s == pytest.approx(1.0 + POLICY.checkpoint.last_flush_s)
