"""The catalog of faults: how many, by what names they are drawn, and what is said of them before a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from riverrun import UsageError
from riverrun.engine.bench.faults.catalog import FAULTS, WELL_BEHAVED, BenchFault, drawn_by
from riverrun.engine.bench.faults.failover_rules import FAILOVER_RULES
from riverrun.engine.bench.faults.fault_table import fault_table
from riverrun.engine.bench.faults.play import WELL
from riverrun.engine.testing.script.faults import SERVED, require_scripted
from riverrun.testing import FaultKind

FAULT = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


def test_there_are_at_least_45_faults_each_with_a_name_and_a_title_of_its_own() -> None:
    assert len(FAULTS) >= 45
    assert len({fault.name for fault in FAULTS}) == len({fault.title for fault in FAULTS}) == len(FAULTS)


def test_the_sixteen_rules_of_failover_bench_have_its_ids() -> None:
    assert [fault.name[:3] for fault in FAILOVER_RULES] == [f"s{number:02}" for number in range(1, 17)]


@FAULT
def test_a_fault_is_drawn_by_its_name_with_a_seed_or_without(fault: BenchFault) -> None:
    assert drawn_by(fault.name).fault is drawn_by(f"{fault.name}@7").fault is fault
    assert drawn_by(f"{fault.name}@7").seed == 7


@pytest.mark.parametrize("model", ["fb-s08-stream-cut", "openai/s08-stream-cut", "s08-stream-cut%4012", "S08-anything"])
def test_a_gateways_prefix_an_escaped_path_and_failover_benchs_own_name_draw_the_same(model: str) -> None:
    assert drawn_by(model).fault.name == "s08-stream-cut"


def test_a_name_that_names_no_fault_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"no fault is named 'gpt-4o'; expected one of well, s01-429-retry-after, "):
        drawn_by("gpt-4o")


def test_at_most_five_cells_can_not_be_won_with_one_provider_and_each_says_why() -> None:
    lost = [fault for fault in FAULTS if fault.cannot_win]
    assert len(lost) <= 5
    assert all(fault.cannot_win["*"] and fault.ends_in_error for fault in lost)


def test_a_rule_that_repeats_is_played_to_every_request_and_another_leaves_later_ones_well() -> None:
    assert drawn_by("s04-503-persistent").fault.play(99) == drawn_by("s04-503-persistent").fault.plays[0]
    assert drawn_by("reset").fault.play(1) == drawn_by("well").fault.play(0) == WELL


@FAULT
def test_every_fault_is_of_the_kits_vocabulary(fault: BenchFault) -> None:
    assert all(play.fault.kind in SERVED or play.fault.kind is FaultKind.NONE for play in fault.plays)
    for one in fault.faults:
        require_scripted(fault.name, one)


def test_the_control_is_no_fault() -> None:
    assert WELL_BEHAVED not in FAULTS
    assert WELL_BEHAVED.plays == (WELL,)


def test_the_page_prints_the_catalog_as_it_is() -> None:
    page = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmark.md"
    assert fault_table() in page.read_text(encoding="utf-8")
