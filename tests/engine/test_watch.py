"""The watch: cancels its attempt strictly after a deadline, and sleeps in between and while we are the slow ones."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from riverrun.engine.core.causes import IdleStall
from riverrun.engine.core.clocks import Clocks
from riverrun.engine.core.policy import StallPolicy, Throughput
from riverrun.engine.run.watch import LATE_S, TURNS, Watch

POLICY = StallPolicy(headers_s=10, first_event_s=20, idle_s=5)


class Looks(trio.abc.Instrument):
    """Counts the steps of tasks: how often anything woke."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += 1


@pytest.fixture
def looks() -> Looks:
    """An instrument that is a fixture is given to the test's run."""
    return Looks()


async def watched(policy: StallPolicy, story: list[tuple[float, str]]) -> tuple[IdleStall | None, float]:
    """Let things happen at their times (seconds from the beginning); how it stalled, and when."""
    began_s = trio.current_time()
    clocks = Clocks(policy, reasons=False, now=began_s)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            watch = Watch()
            watch.begin(clocks, scope)
            nursery.start_soon(watch.run)
            for at_s, what in story:
                await trio.sleep_until(began_s + at_s)
                getattr(clocks, what)(trio.current_time())
                watch.look_again()
            await trio.sleep_until(began_s + 1000)
            watch.close()
    return watch.stall, trio.current_time() - began_s


@pytest.mark.parametrize(
    ("story", "stall", "ended_s"),
    [
        ([], IdleStall("headers", 10), 10),
        ([(10, "opened")], IdleStall("first event", 20), 30),
        ([(1, "opened"), (2, "progress")], IdleStall("idle", 5), 7),
        ([(1, "opened"), (2, "progress"), (7, "progress"), (12, "progress")], IdleStall("idle", 5), 17),
        ([(1, "opened"), (15, "ping")], IdleStall("first event", 20), 35),
        ([(1, "opened"), (2, "progress"), (3, "ping"), (6, "ping")], IdleStall("idle", 5), 7),
        ([(1, "opened"), (2, "progress"), (3, "pause"), (903, "resume")], IdleStall("idle", 5), 907),
        ([(1, "opened"), (2, "progress"), (3, "pause")], None, 1000),
    ],
)
async def test_it_fires_when_a_clock_runs_out_and_not_before(
    story: list[tuple[float, str]], stall: IdleStall | None, ended_s: float, autojump_clock: MockClock
) -> None:
    seen, at_s = await watched(POLICY, story)
    assert seen == stall
    assert at_s == pytest.approx(ended_s)


async def test_with_every_clock_off_it_sleeps(looks: Looks, autojump_clock: MockClock) -> None:
    off = StallPolicy(connect_s=None, headers_s=None, first_event_s=None, first_event_s_max=None, idle_s=None)
    await watched(off, [])
    assert looks.count < 20


@pytest.mark.parametrize("policy", [StallPolicy(total_s=4), StallPolicy(idle_s=0), StallPolicy(idle_s=1e-9)])
async def test_paused_right_at_a_deadline_it_sleeps_until_it_is_told(
    policy: StallPolicy, looks: Looks, autojump_clock: MockClock
) -> None:
    stall, _ = await watched(policy, [(1.0, "opened"), (4.0, "progress"), (4.0, "pause")])
    assert stall is None
    assert looks.count < 40


async def test_a_window_of_throughput_is_looked_at_once_each(looks: Looks, autojump_clock: MockClock) -> None:
    policy = StallPolicy(idle_s=None, throughput=Throughput(bytes_min=1, window_s=100))
    stall, at_s = await watched(policy, [(1.0, "opened"), (2.0, "progress")])
    assert (stall, looks.count < 40) == (IdleStall("throughput", 100), True)
    assert at_s == pytest.approx(102)


async def test_a_loop_that_was_held_up_gets_time_to_read_whatever_the_reader_tells_meanwhile(
    mock_clock: MockClock,
) -> None:
    watch, clocks = Watch(), Clocks(StallPolicy(total_s=4), reasons=False, now=trio.current_time())
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            watch.begin(clocks, scope)
            nursery.start_soon(watch.run)
            await wait_all_tasks_blocked()
            mock_clock.jump(10)
            await wait_all_tasks_blocked()
            clocks.opened(trio.current_time())  # what lay in the socket: the answer's head
            watch.look_again()
            mock_clock.jump(LATE_S / 2)
            await wait_all_tasks_blocked()
            before = watch.stall
            mock_clock.jump(LATE_S / 2)
            await wait_all_tasks_blocked()
            watch.close()
    assert (before, watch.stall) == (None, IdleStall("total", 4))


async def keep_the_loop(clock: MockClock, turns: int) -> None:
    """Compute for 0.8 s in each of one's turns."""
    for _ in range(turns):
        clock.jump(0.8)
        await trio.lowlevel.checkpoint()


async def test_a_busy_loop_is_no_stall_while_what_has_come_is_on_its_way_and_hides_no_real_one(
    mock_clock: MockClock,
) -> None:
    watch, clocks = Watch(), Clocks(StallPolicy(idle_s=0.5), reasons=False, now=trio.current_time())
    clocks.opened(trio.current_time())
    clocks.progress(trio.current_time())
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            watch.begin(clocks, scope)
            nursery.start_soon(watch.run)
            await wait_all_tasks_blocked()
            await keep_the_loop(mock_clock, 5)  # socket, pump, reader: a turn each
            before = watch.stall
            clocks.progress(trio.current_time())
            await keep_the_loop(mock_clock, TURNS + 5)  # and now nothing comes
            watch.close()
    assert (before, watch.stall) == (None, IdleStall("idle", 0.5))
