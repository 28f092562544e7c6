"""The clocks of an attempt: each fires strictly after its deadline, on provider time, and only in its phase."""

from __future__ import annotations

from math import inf, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.causes import IdleStall
from riverrun.engine.core.clocks import Clocks
from riverrun.engine.core.policy import StallPolicy, Throughput

POLICY = StallPolicy(headers_s=10, first_event_s=20, first_event_s_max=50, idle_s=5, total_s=1000)
OFF = StallPolicy(
    connect_s=None, headers_s=None, first_event_s=None, first_event_s_max=None, idle_s=None, total_s=None
)  # fmt: skip


def waiting(policy: StallPolicy = POLICY, *, reasons: bool = False) -> Clocks:
    """Clocks that wait for the headers since 0."""
    return Clocks(policy, reasons=reasons, now=0.0)


def opened(policy: StallPolicy = POLICY) -> Clocks:
    """Clocks that wait for the first event since 1."""
    clocks = waiting(policy)
    clocks.opened(1.0)
    return clocks


def streaming(policy: StallPolicy = POLICY, *, reasons: bool = False) -> Clocks:
    """Clocks whose first event came at 2."""
    clocks = waiting(policy, reasons=reasons)
    clocks.opened(1.0)
    assert clocks.progress(2.0)
    return clocks


def just_after(deadline: float) -> float:
    return nextafter(deadline, inf)


@pytest.mark.parametrize(
    ("clocks", "deadline", "stall"),
    [
        (waiting(), 10.0, IdleStall("headers", 10)),
        (opened(), 21.0, IdleStall("first event", 20)),
        (streaming(), 7.0, IdleStall("idle", 5)),
        (streaming(reasons=True), 12.0, IdleStall("idle", 10)),
        (streaming(StallPolicy(total_s=4, idle_s=None)), 4.0, IdleStall("total", 4)),
        (waiting(StallPolicy(total_s=4)), 4.0, IdleStall("total", 4)),
        (waiting(StallPolicy(headers_s=0)), 0.0, IdleStall("headers", 0)),
    ],
)
def test_a_clock_fires_strictly_after_its_deadline_and_names_itself(
    clocks: Clocks, deadline: float, stall: IdleStall
) -> None:
    assert clocks.next_look(0.0) == deadline
    assert clocks.stall(deadline) is None
    assert clocks.stall(just_after(deadline)) == stall


@pytest.mark.parametrize("clocks", [waiting(OFF), opened(OFF), streaming(OFF), streaming(OFF, reasons=True)])
def test_clocks_that_are_off_never_fire(clocks: Clocks) -> None:
    assert clocks.next_look(3.0) == inf
    assert clocks.stall(1e12) is None


def test_only_the_first_event_starts_another_clock_and_each_one_restarts_it() -> None:
    clocks = streaming()
    for now in (6.0, 11.0, 16.0):
        assert not clocks.progress(now)
        assert clocks.stall(now + 5) is None
    assert clocks.stall(just_after(21.0)) == IdleStall("idle", 5)


@given(st.lists(st.floats(0, 5), max_size=30))
def test_a_stream_with_gaps_up_to_the_limit_never_stalls(gaps: list[float]) -> None:
    clocks, now = streaming(), 2.0
    for gap in gaps:
        now = min(now + gap, clocks.next_look(now))
        assert clocks.stall(now) is None
        clocks.progress(now)


# -- pings ------------------------------------------------------------------------------------------------------------


def test_pings_extend_the_first_event_clock_up_to_its_maximum_and_no_further() -> None:
    clocks = opened()
    for now in (15.0, 30.0, 45.0):
        clocks.ping(now)
        assert clocks.stall(min(now + 20, 51.0)) is None
    assert clocks.next_look(45.0) == 51.0
    assert clocks.stall(just_after(51.0)) == IdleStall("first event", 50)


@pytest.mark.parametrize("most_s", [5, 20, 30])
def test_the_maximum_for_pings_never_shortens_the_clock_itself(most_s: float) -> None:
    clocks = opened(StallPolicy(first_event_s=30, first_event_s_max=most_s))
    for now in (1.0, 6.0, 21.0):
        clocks.ping(now)
        assert clocks.next_look(now) == 31.0
    assert clocks.stall(31.0) is None
    assert clocks.stall(just_after(31.0)) == IdleStall("first event", 30)


def test_a_first_event_clock_that_is_off_is_off_whatever_the_maximum_for_pings() -> None:
    clocks = opened(StallPolicy(first_event_s=None, first_event_s_max=5))
    clocks.ping(3.0)
    assert clocks.next_look(3.0) == inf
    assert clocks.stall(1e6) is None


def test_without_a_maximum_pings_extend_it_for_ever() -> None:
    clocks = opened(StallPolicy(first_event_s=20, first_event_s_max=None))
    for now in range(10, 10_000, 10):
        assert clocks.stall(now) is None
        clocks.ping(now)


def test_pings_extend_no_other_clock() -> None:
    before, during = waiting(), streaming()
    for now in (4.0, 6.0):
        before.ping(now)
        during.ping(now)
    assert before.stall(just_after(10.0)) == IdleStall("headers", 10)
    assert during.stall(just_after(7.0)) == IdleStall("idle", 5)


# -- provider time ----------------------------------------------------------------------------------------------------


def test_time_in_which_we_are_the_slow_ones_does_not_count() -> None:
    clocks = streaming()
    clocks.pause(4.0)
    assert clocks.stall(1e6) is None
    clocks.resume(104.0)
    assert clocks.stall(107.0) is None
    assert clocks.next_look(104.0) == 107.0
    assert clocks.stall(just_after(107.0)) == IdleStall("idle", 5)


def test_the_total_clock_runs_on_provider_time_as_well() -> None:
    clocks = streaming(StallPolicy(total_s=10, idle_s=None))
    clocks.pause(3.0)
    clocks.resume(1003.0)
    assert clocks.stall(1010.0) is None
    assert clocks.stall(just_after(1010.0)) == IdleStall("total", 10)


@given(st.floats(0, 1e6))
def test_while_it_is_paused_there_is_nothing_to_look_at(now: float) -> None:
    clocks = streaming(StallPolicy(total_s=4, throughput=Throughput(bytes_min=1, window_s=1)))
    clocks.pause(4.0)
    assert clocks.next_look(4.0 + now) == inf


@given(st.lists(st.tuples(st.floats(0, 4.9), st.floats(0, 1e4)), min_size=1, max_size=10))
def test_any_number_of_pauses_adds_up(turns: list[tuple[float, float]]) -> None:
    clocks, now = streaming(), 2.0
    for waited, paused in turns:
        now += waited
        assert clocks.stall(now) is None
        clocks.progress(now)
        clocks.pause(now)
        now += paused
        clocks.resume(now)
    assert clocks.next_look(now) == pytest.approx(now + 5)


def test_resuming_what_was_not_paused_changes_nothing() -> None:
    clocks = streaming()
    clocks.resume(6.0)
    assert clocks.next_look(6.0) == 7.0


def test_time_that_is_credited_does_not_count() -> None:
    clocks = streaming()
    clocks.credit(4.0, 104.0)
    assert clocks.next_look(104.0) == 107.0
    assert clocks.stall(107.0) is None
    assert clocks.stall(just_after(107.0)) == IdleStall("idle", 5)


def test_time_is_not_left_out_twice_where_a_pause_began_in_what_is_credited() -> None:
    clocks = streaming()
    clocks.pause(6.0)
    clocks.credit(4.0, 10.0)
    clocks.resume(20.0)
    assert clocks.next_look(20.0) == 23.0  # 2 seconds had passed before 4.0, and none since


# -- throughput -------------------------------------------------------------------------------------------------------

SLOW = StallPolicy(idle_s=None, throughput=Throughput(bytes_min=100, window_s=10))


def test_a_window_that_brings_too_little_fires_after_its_end() -> None:
    clocks = streaming(SLOW)
    clocks.useful_bytes = 99
    assert clocks.next_look(2.0) == 12.0
    assert clocks.stall(12.0) is None
    assert clocks.stall(just_after(12.0)) == IdleStall("throughput", 10)


def test_each_window_counts_for_itself() -> None:
    clocks = streaming(SLOW)
    clocks.useful_bytes = 5000
    assert clocks.stall(12.5) is None
    assert clocks.next_look(12.5) == 22.5
    clocks.useful_bytes += 99
    assert clocks.stall(22.6) == IdleStall("throughput", 10)


def test_the_window_begins_with_the_first_event_and_stops_while_we_are_slow() -> None:
    before, paused = opened(SLOW), streaming(SLOW)
    assert before.stall(20.9) is None
    paused.pause(3.0)
    paused.resume(100.0)
    assert paused.stall(109.0) is None
    assert paused.stall(109.1) == IdleStall("throughput", 10)


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_the_next_look_is_never_in_the_past(now: float, later: float) -> None:
    clocks = Clocks(StallPolicy(total_s=3, throughput=Throughput(bytes_min=1, window_s=1)), reasons=False, now=now)
    clocks.opened(now)
    assert clocks.next_look(now + later) >= now + later
    clocks.progress(now)
    assert clocks.next_look(now + later) >= now + later
