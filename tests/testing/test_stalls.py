"""The stall benchmark: what it measures is what happened, to the word and the second, and the same for a seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import inf, isnan
from pathlib import Path
from random import Random

import pytest
import trio

import riverrun as rr
from riverrun.engine.recording.format import Exchange, Read, Recording
from riverrun.engine.testing.script.faults import FaultKind
from riverrun.engine.testing.stalls.gaps import TRACES, GapModel, RecordedGaps
from riverrun.engine.testing.stalls.measure import measure_stalls
from riverrun.engine.testing.stalls.measures import Estimate, Measure, fluidity, mean, measures, quantile
from riverrun.engine.testing.stalls.mishaps import NO_MISHAPS, Mishap, Mishaps
from riverrun.engine.testing.stalls.plain import PlainClient
from riverrun.engine.testing.stalls.record import AnswerRecord, Asked
from riverrun.engine.testing.stalls.recorded_gaps import gaps_of_folder
from riverrun.engine.testing.stalls.report import compare_reports, read_reports, write_reports
from riverrun.engine.testing.stalls.script import Script, World, script_of
from riverrun.engine.testing.stalls.speaker import CONTINUES

ROUGH = Mishaps(dies=0.3, goes_silent=0.2, slows=0.2, ends_early=0.2)
EVEN = GapModel(name="even", first_median_s=1.0, first_sigma=0.0, median_s=0.5, sigma=0.0)


def idle(seconds: float, **retry: object) -> rr.Policy:
    """A policy that waits so long for anything."""
    stall = rr.StallPolicy(idle_s=seconds, first_event_s=seconds, headers_s=seconds)
    return rr.Policy(stall=stall, retry=rr.RetryPolicy(**retry))  # type: ignore[arg-type]


# -- what is measured is what happened --------------------------------------------------------------------------------


@pytest.mark.parametrize("continues", CONTINUES)
@pytest.mark.parametrize("trace", TRACES)
def test_no_word_is_lost_doubled_or_invented_whatever_goes_wrong(trace: str, continues: str) -> None:
    report = measure_stalls(
        idle(20, attempts_max=8), gaps=trace, mishaps=ROUGH, continues=continues, answers=20, words=80
    )
    assert report.inexact == 0
    assert report["requests"].value > 1


def test_where_nothing_goes_wrong_the_default_policy_gives_up_nothing() -> None:
    report = measure_stalls(rr.Policy(), mishaps=NO_MISHAPS, answers=50)
    told = [report[name].value for name in ("whole", "healthy given up", "words paid twice", "requests")]
    assert told == [1000, 0, 0, 1]
    assert isnan(report["detection p50"].value)  # nothing stalled


def test_a_stall_is_detected_by_the_policys_clock_and_given_up_for_nothing_too_early() -> None:
    dies = Mishaps(dies=1.0, goes_silent=0, slows=0, ends_early=0)
    report = measure_stalls(idle(10, attempts_max=20), gaps=EVEN, mishaps=dies, answers=30, words=40)
    assert (report["detection p50"].value, report["detection p95"].value) == pytest.approx((10.0, 10.0))
    hasty = measure_stalls(idle(0.4, attempts_max=5), gaps=EVEN, mishaps=NO_MISHAPS, answers=10, words=10)
    assert hasty["healthy given up"].value >= 1000


def test_words_are_paid_twice_where_an_answer_has_to_start_over_and_only_there() -> None:
    paid = {
        continues: measure_stalls(
            idle(10, attempts_max=20), gaps=EVEN, mishaps=ROUGH, continues=continues, answers=30, words=40
        )["words paid twice"].value
        for continues in CONTINUES
    }
    assert paid == {"prefill": 0, "quote": 0, "cursor": 0, "nothing": paid["nothing"]}
    assert paid["nothing"] > 1


def test_the_plain_client_that_is_computed_is_the_engine_where_nothing_can_be_continued() -> None:
    """Two ways to the same numbers: an engine that can only start over, with the same clock and delays."""
    mishaps = Mishaps(dies=0.3, goes_silent=0.2, silent_s=90, slows=0, ends_early=0)
    engine = idle(60, stall_delay_s=0.5, jitter="none", delay_s_max=0.5, attempts_max=3)
    told = [
        measure_stalls(client, gaps=EVEN, mishaps=mishaps, continues="nothing", answers=40, words=40)
        for client in (PlainClient(read_timeout_s=60, attempts_max=3, delay_s=0.5), engine)
    ]
    for measure in ("whole", "completion p50", "completion p95", "detection p95", "requests", "words paid twice"):
        assert told[0][measure].value == pytest.approx(told[1][measure].value), measure


def test_the_same_seed_gives_the_same_report_and_another_seed_another() -> None:
    def report(seed: int) -> str:
        return write_reports([measure_stalls(rr.Policy(), mishaps=ROUGH, answers=20, words=60, seed=seed)])

    assert report(1) == report(1)
    assert report(1) != report(2)


def test_two_clients_meet_the_same_first_attempt() -> None:
    world = World(gaps=TRACES["heavy-tail"], mishaps=ROUGH)
    assert script_of(world, 3, 0, 0) == script_of(world, 3, 0, 0)
    assert script_of(world, 3, 0, 0) != script_of(world, 3, 1, 0)


def test_a_policy_without_a_clock_ends_too() -> None:
    dies = Mishaps(dies=1.0, goes_silent=0, slows=0, ends_early=0)
    nothing = rr.Policy(stall=rr.StallPolicy(idle_s=None, first_event_s=None, headers_s=None))
    report = measure_stalls(nothing, gaps=EVEN, mishaps=dies, answers=3, words=10)
    assert (report["whole"].value, report["completion p50"].value) == (0, inf)


# -- the worlds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", TRACES.values(), ids=list(TRACES))
def test_a_gap_before_each_word_and_none_below_zero(model: GapModel) -> None:
    gaps = model.draw(Random(1), 200)
    assert len(gaps) == 200
    assert min(gaps) >= 0
    assert model.draw(Random(1), 200) == gaps


def test_a_proxy_that_holds_words_back_takes_no_time_of_its_own() -> None:
    plain, held = GapModel(name="plain"), GapModel(name="held", burst_words=30)
    assert sum(held.draw(Random(3), 100)) == pytest.approx(sum(plain.draw(Random(3), 100)))
    assert sum(gap > 0 for gap in held.draw(Random(3), 100)) == 4


def test_the_odds_are_those_that_are_stated_and_less_for_a_part_of_an_answer() -> None:
    dice, odds = Random(5), Mishaps(dies=0.1, goes_silent=0.2, slows=0.05, ends_early=0.15)
    drawn = [odds.draw(dice, 0, 100) for _ in range(4000)]
    shares = {kind: sum(m is not None and m.kind is kind for m in drawn) / 4000 for kind in FaultKind}
    assert shares[FaultKind.STALL] == pytest.approx(0.3, abs=0.03)
    assert shares[FaultKind.DRIP] == pytest.approx(0.05, abs=0.015)
    assert shares[FaultKind.HALF_CLOSE] == pytest.approx(0.15, abs=0.02)
    halves = [odds.draw(dice, 50, 100) for _ in range(4000)]
    assert sum(m is not None for m in halves) / 4000 == pytest.approx(0.25, abs=0.03)
    assert all(m.at >= 50 for m in halves if m is not None)


def test_recorded_gaps_are_the_gaps_between_the_reads_that_brought_something(tmp_path: Path) -> None:
    def chunk(text: str) -> bytes:
        return b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % text.encode()

    reads = (Read(1.5, chunk("a")), Read(2.0, b": ping\n\n"), Read(4.0, chunk("b")), Read(4.25, chunk("c")))
    exchange = Exchange(1.0, "/v1/chat/completions", 10, 1.2, 200, {}, reads, 5.0, "end")
    recording = Recording("vllm", "m", rr.InferenceRequest([rr.Message.user("?")]), exchanges=(exchange,))
    (tmp_path / "one.jsonl").write_text("".join(recording.to_lines()), encoding="utf-8")
    gaps = gaps_of_folder(tmp_path)
    assert gaps.answers == ((0.5, 2.5, 0.25),)
    assert gaps.draw(Random(0), 5) == [0.5, 2.5, 0.25, 2.5, 0.25]
    assert measure_stalls(rr.Policy(), gaps=gaps, mishaps=NO_MISHAPS, answers=3, words=20)["whole"].value == 1000


@pytest.mark.parametrize(("files", "says"), [(None, "is no folder"), ([], "holds no recording")])
def test_a_folder_without_recordings_is_told(files: list[str] | None, says: str, tmp_path: Path) -> None:
    with pytest.raises(rr.UsageError, match=says):
        gaps_of_folder(tmp_path if files is not None else tmp_path / "nope")


# -- the measures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "words", "share"),
    [
        ([0.0, 0.1, 0.2, 0.3], 4, 1.0),  # at the reader's pace
        ([0.0, 0.0, 0.0, 0.29], 4, 1.0),  # early words give slack
        ([0.0, 0.0, 0.0, 0.31], 4, 0.75),  # and then it is used up
        ([0.0, 5.0, 5.1, 5.2], 4, 0.75),  # a late word moves the reader: those behind it are in time
        ([0.0, 0.1], 4, 0.5),  # what never came was not there
        ([], 4, 0.0),
    ],
)
def test_fluidity_is_the_share_of_words_that_are_there_when_a_reader_comes_to_them(
    times: Sequence[float], words: int, share: float
) -> None:
    assert fluidity(times, words, pace=10.0) == share


def test_an_interval_holds_the_value_and_is_narrower_with_more_answers() -> None:
    dice = Random(1)
    measure = Measure("x", "", lambda record: (record.ended_s,), mean)

    def of(count: int) -> Estimate:
        return measure.estimate([AnswerRecord(1, ended_s=dice.random()) for _ in range(count)], dice)

    few, many = of(20), of(2000)
    assert few.low <= few.value <= few.high
    assert many.high - many.low < (few.high - few.low) / 3
    assert many.low < 0.5 < many.high


def test_a_quantile_is_one_of_the_values() -> None:
    assert [quantile(share)([3.0, 1.0, inf, 2.0]) for share in (0.0, 0.5, 0.95, 1.0)] == [1.0, 3.0, inf, inf]


def test_who_is_given_up_before_anything_went_wrong_was_healthy() -> None:
    script = Script(0, (1.0, 2.0, 3.0), Mishap(FaultKind.STALL, 2), ends=False)
    asked = Asked(script, 0.0)
    asked.said = 1
    assert (asked.was_healthy, asked.was_stalled) == (True, False)
    asked.said = 2
    assert (asked.was_healthy, asked.was_stalled) == (False, True)
    asked.ended = True
    assert (asked.was_healthy, asked.was_stalled) == (False, False)


# -- reports ----------------------------------------------------------------------------------------------------------


def test_a_report_comes_back_as_it_was() -> None:
    report = measure_stalls(rr.Policy(), mishaps=NO_MISHAPS, answers=5, words=20)
    text = write_reports([report])
    assert write_reports(read_reports(text)) == text
    assert "NaN" not in text  # which is no JSON


def test_a_report_has_curves_of_few_points_that_fall() -> None:
    curves = measure_stalls(idle(7), gaps="heavy-tail", answers=50, words=200).curves
    assert curves is not None
    for curve in (curves.gaps, curves.completion):
        assert 5 < len(curve) <= 70
        assert curve == tuple(sorted(curve, key=lambda point: (point[0], -point[1])))
        assert [share for _, share in curve] == sorted((share for _, share in curve), reverse=True)
    assert curves.clock_s == 7


@pytest.mark.parametrize(
    ("client", "gaps", "clock_s"),
    [
        (PlainClient(read_timeout_s=20), "log-normal", 20),
        (PlainClient(read_timeout_s=20), "thinking", None),  # a life sign each 10 s is a byte to it
        (rr.Policy(), "thinking", 120),  # a model that reasons has twice the time
        (rr.Policy(stall=rr.StallPolicy(idle_s=None)), "log-normal", None),
    ],
)
def test_the_clock_of_a_curve_is_the_longest_gap_that_the_client_waits_for(
    client: rr.Policy | PlainClient, gaps: str, clock_s: float | None
) -> None:
    curves = measure_stalls(client, gaps=gaps, mishaps=NO_MISHAPS, answers=2, words=10).curves
    assert curves is not None
    assert curves.clock_s == clock_s


def test_the_curve_of_completion_ends_at_those_that_never_came() -> None:
    half = Mishaps(dies=0.5, goes_silent=0, slows=0, ends_early=0)
    report = measure_stalls(PlainClient(attempts_max=1), gaps="log-normal", mishaps=half, answers=40, words=20)
    assert report.curves is not None
    assert report.curves.completion[-1][1] == pytest.approx(1 - report["whole"].value / 1000)


def test_a_file_of_schema_1_is_read_and_has_no_curves() -> None:
    told = json.loads(write_reports([measure_stalls(rr.Policy(), mishaps=NO_MISHAPS, answers=2, words=5)]))
    del told["stalls"][0]["curves"]
    assert read_reports(json.dumps({**told, "schema": 1}))[0].curves is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema":9,"stalls":[]}', '{"schema":1,"stalls":[{}]}', "[" * 9999])
def test_what_is_no_report_is_told(text: str) -> None:
    with pytest.raises(rr.UsageError, match=r"report|schema"):
        read_reports(text)


def test_worse_is_what_lies_beyond_both_spreads() -> None:
    slow = Mishaps(dies=0.5, goes_silent=0, slows=0, ends_early=0)
    short, long = (
        measure_stalls(idle(seconds, attempts_max=20), gaps=EVEN, mishaps=slow, answers=60, words=40, name="p")
        for seconds in (5, 30)
    )
    assert list(compare_reports([short], [short])) == []
    worse = {one.measure for one in compare_reports([short], [long])}
    assert "detection p95" in worse
    assert "requests" not in worse
    assert "detection p95" not in {one.measure for one in compare_reports([long], [short])}
    (told,) = [str(one) for one in compare_reports([short], [long]) if one.measure == "detection p95"]
    assert told == "p on even, quote: detection p95 was 5 (5 to 5) and is 30 (30 to 30)"


# -- misuse -----------------------------------------------------------------------------------------------------------


def test_what_can_not_be_measured_is_told_before_anything_runs() -> None:
    with pytest.raises(rr.UsageError, match="gaps is 'gamma'; expected one of: log-normal"):
        measure_stalls(rr.Policy(), gaps="gamma")
    with pytest.raises(rr.UsageError, match="continues is 'magic'"):
        measure_stalls(rr.Policy(), continues="magic")
    with pytest.raises(rr.UsageError, match="answers is 0"):
        measure_stalls(rr.Policy(), answers=0)
    with pytest.raises(rr.UsageError, match="client is 'x'"):
        measure_stalls("x")  # type: ignore[arg-type]
    with pytest.raises(rr.UsageError, match=r"odds add up to 1\.1"):
        Mishaps(dies=0.6, goes_silent=0.5, slows=0, ends_early=0)
    with pytest.raises(rr.UsageError, match="no answer with a word"):
        RecordedGaps(name="none", answers=((),))


async def test_inside_a_trio_run_it_says_that_it_makes_its_own() -> None:
    await trio.lowlevel.checkpoint()
    with pytest.raises(rr.UsageError, match="measure_stalls"):
        measure_stalls(rr.Policy(), answers=1)


def test_every_measure_has_its_own_name() -> None:
    names = [measure.name for measure in measures(1)]
    assert len(set(names)) == len(names)
