"""Planted clients, each with one fault of its own, are told by name; what an honest one does is not held against it."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from riverrun.engine.bench.judging.judge import Call, Cell, Given, Request, ServerLog, Truth, judge
from riverrun.engine.bench.result import Finding, Moment, Side, Trial, Verdict

TEXT = "At 10:42 the gauge in Cologne read 3,271 millimetres; the water was clear, and the water was cold."
GAUGE = Call("read_gauge", '{"station": "Köln", "depth": 42}')
WIND = Call("forecast_wind", '{"hours": 6}')
TRUTH = Truth(TEXT, (GAUGE, WIND), tokens=30)
HONEST = Given(TEXT, (GAUGE, WIND), whole=True)
CELL = Cell("planted", "reset", "openai", 7)
SERVER = ServerLog((Request(0.1, 30),))


def judged(given: Given, *, truth: Truth = TRUTH, server: ServerLog = SERVER, timed_out: bool = False) -> Trial:
    return judge(CELL, truth, given, server, asked_s=0.0, ended_s=2.0, timed_out=timed_out)


def test_the_whole_answer_told_as_a_success_is_exact() -> None:
    trial = judged(HONEST)
    assert (trial.verdict, trial.findings, trial.total_s, trial.requests) == (Verdict.EXACT, (), 2.0, 1)
    assert (trial.peer, trial.fault, trial.wire, trial.seed) == ("planted", "reset", "openai", 7)


def test_a_client_that_lies_about_success_is_told_by_name() -> None:
    trial = judged(evolve(HONEST, text=TEXT[:50]))
    assert trial.verdict is Verdict.FALSE_SUCCESS
    assert trial.findings == (Finding.LIED, Finding.LOST)
    assert trial.chars_lost == len(TEXT) - 50


def test_a_client_that_doubles_a_word_is_told_by_name() -> None:
    trial = judged(evolve(HONEST, text=TEXT.replace("the gauge", "the gauge gauge")))
    assert (trial.verdict, trial.findings, trial.chars_doubled) == (Verdict.FALSE_SUCCESS, (Finding.DOUBLED,), 6)


def test_a_client_that_drops_a_digit_is_told_by_name() -> None:
    trial = judged(evolve(HONEST, text=TEXT.replace("3,271", "3,71")))
    assert (trial.verdict, trial.findings) == (Verdict.FALSE_SUCCESS, (Finding.LIED, Finding.LOST))
    assert trial.chars_lost == 1


def test_a_client_that_says_what_was_never_said_is_told_by_name() -> None:
    trial = judged(evolve(HONEST, text="<html>" + TEXT))
    assert (trial.verdict, trial.findings) == (Verdict.FALSE_SUCCESS, (Finding.INVENTED,))


@pytest.mark.parametrize("arguments", ['{"station": "Köln", "dep', '{"station": "Köln"}', "{}", ""])
def test_a_client_that_runs_half_a_call_is_told_by_name(arguments: str) -> None:
    trial = judged(evolve(HONEST, calls=(Call("read_gauge", arguments), WIND)))
    assert trial.verdict is Verdict.FALSE_SUCCESS
    assert Finding.CALL_HALF in trial.findings
    assert trial.calls_half == 1


def test_half_a_call_is_told_even_where_the_answer_is_told_to_be_cut() -> None:
    trial = judged(Given(TEXT, (Call("read_gauge", '{"sta'),), said="reset"))
    assert (trial.verdict, trial.findings) == (Verdict.PARTIAL, (Finding.CALL_HALF,))


def test_a_client_that_runs_a_call_twice_is_told_by_name() -> None:
    trial = judged(evolve(HONEST, calls=(GAUGE, GAUGE, WIND)))
    assert (trial.findings, trial.calls_doubled) == ((Finding.CALL_DOUBLED,), 1)


def test_a_client_that_loses_a_call_in_silence_is_told_by_name() -> None:
    trial = judged(evolve(HONEST, calls=(GAUGE,)))
    assert (trial.findings, trial.calls_lost) == ((Finding.LIED, Finding.CALL_LOST), 1)


def test_a_client_that_hangs_is_told_by_name_whatever_it_has_shown() -> None:
    trial = judged(evolve(HONEST, whole=False, said="no end"), timed_out=True)
    assert (trial.verdict, trial.findings) == (Verdict.HANG, (Finding.HUNG,))


def test_who_says_that_an_answer_is_cut_may_lack_some_of_it() -> None:
    trial = judged(Given(TEXT[:50], said="ReadError: reset"))
    assert (trial.verdict, trial.findings, trial.said) == (Verdict.PARTIAL, (), "ReadError: reset")
    assert trial.chars_lost == len(TEXT) - 50


def test_an_error_without_a_word_of_the_answer_is_clean() -> None:
    trial = judged(Given(said="Overloaded"))
    assert (trial.verdict, trial.findings) == (Verdict.CLEAN_ERROR, ())


def test_the_order_of_keys_and_the_id_of_a_call_do_not_count() -> None:
    turned = Call("read_gauge", json.dumps({"depth": 42, "station": "Köln"}))
    assert judged(evolve(HONEST, calls=(turned, WIND))).verdict is Verdict.EXACT


def test_tokens_beyond_one_telling_are_paid_twice() -> None:
    server = ServerLog((Request(0.1, 20), Request(0.5, 30)))
    trial = judged(HONEST, server=server)
    assert (trial.requests, trial.tokens_twice) == (2, 20)


# -- time and the timeline --------------------------------------------------------------------------------------------


def said(at_s: float, words: str, kind: str = "text") -> Moment:
    return Moment(at_s, Side.CALLER, kind, words)


def seen(at_s: float, kind: str, words: str = "", request: int = 1) -> Moment:
    return Moment(at_s, Side.SERVER, kind, words, request)


BROKEN = ServerLog(
    (Request(10.1), Request(11.5)),
    (seen(10.1, "request"), seen(10.5, "fault", "stall"), seen(11.5, "request", request=2)),
)


def test_detection_ends_with_the_next_request_and_recovery_with_the_next_word() -> None:
    given = evolve(HONEST, moments=(said(10.4, "At "), said(11.9, "10:42")))
    trial = judge(CELL, TRUTH, given, BROKEN, asked_s=10.0, ended_s=12.0)
    assert (trial.detection_s, trial.recovery_s) == (1.0, 0.4)


def test_who_ends_with_an_error_has_seen_the_fault_then() -> None:
    server = evolve(BROKEN, requests=BROKEN.requests[:1])
    trial = judge(CELL, TRUTH, Given(said="reset"), server, asked_s=10.0, ended_s=12.0)
    assert (trial.detection_s, trial.recovery_s) == (1.5, None)


def test_who_takes_no_step_has_seen_nothing() -> None:
    server = evolve(BROKEN, requests=BROKEN.requests[:1])
    assert judge(CELL, TRUTH, HONEST, server, asked_s=10.0, ended_s=12.0).detection_s is None


def test_both_logs_are_one_timeline_in_seconds_since_the_caller_asked() -> None:
    given = evolve(
        HONEST, moments=(said(10.3, "At "), said(10.31, "10:42"), said(11.9, " the"), said(12.0, "stop", "end"))
    )
    moments = judge(CELL, TRUTH, given, BROKEN, asked_s=10.0, ended_s=12.0).moments
    assert [(moment.at_s, moment.side.value, moment.kind, moment.words) for moment in moments] == [
        (0.1, "server", "request", ""),
        (0.3, "caller", "text", "At 10:42"),
        (0.5, "server", "fault", "stall"),
        (1.5, "server", "request", ""),
        (1.9, "caller", "text", " the"),
        (2.0, "caller", "end", "stop"),
    ]
