"""Results as benchmark reports of llm-d: each is read by the package that defines them."""

from __future__ import annotations

import json
from functools import cache

import pytest
from llmd_benchmark_report import load_benchmark_report

from riverrun.engine.bench.report.llmd import VERSION, llmd_of_faults, llmd_of_stalls
from riverrun.engine.testing.stalls.mishaps import Mishaps
from riverrun.engine.testing.stalls.report import StallReport
from riverrun.testing import PlainClient, measure_stalls
from tests.bench.made_result import made_result


@cache
def measured() -> tuple[StallReport, ...]:
    never = Mishaps(dies=1.0, goes_silent=0, slows=0, ends_early=0)
    plain = PlainClient(read_timeout_s=5.0)
    return (
        measure_stalls(plain, answers=40, words=40, name="plain"),
        measure_stalls(plain, answers=5, words=40, mishaps=never, name="never/../whole"),
    )


FILES = {**llmd_of_faults(made_result()), **llmd_of_stalls(measured())}


@pytest.mark.parametrize("name", FILES)
def test_a_report_is_one_by_the_package_of_llm_d(name: str) -> None:
    report = load_benchmark_report(json.loads(FILES[name]))
    assert report.version == VERSION
    assert report.results.request_performance.aggregate.requests.total > 0


def test_the_reports_of_a_run_share_its_id_and_have_their_own() -> None:
    runs = [json.loads(text)["run"] for text in llmd_of_faults(made_result()).values()]
    assert len({run["eid"] for run in runs}) == 1
    assert len({run["uid"] for run in runs}) == len(runs) == 6


def test_a_name_of_a_file_is_no_path() -> None:
    assert list(llmd_of_stalls(measured())) == ["01-log-normal-plain.json", "02-log-normal-never-..-whole.json"]


def test_answers_that_never_came_are_failures_without_a_latency() -> None:
    told = json.loads(list(llmd_of_stalls(measured()).values())[1])
    aggregate = told["results"]["request_performance"]["aggregate"]
    assert aggregate == {"requests": {"total": 5, "failures": 5}}


def test_the_verdicts_are_told_under_a_name_of_ours() -> None:
    told = json.loads(next(iter(llmd_of_faults(made_result()).values())))
    assert told["results"]["observability"]["riverrun_verdicts"]["exact"] == 44
