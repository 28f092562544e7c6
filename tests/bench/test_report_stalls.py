"""The page about stalls, read as text, and the plots in it."""

from __future__ import annotations

import re
from math import inf, nan

import pytest
from attrs import evolve

from riverrun.engine.bench.report.chart import Axis, Plot, Spot, bounds
from riverrun.engine.bench.report.stalls import write_stalls_html
from riverrun.engine.testing.stalls.measures import Estimate
from riverrun.engine.testing.stalls.report import read_reports, write_reports
from tests.bench.made_result import HOSTILE
from tests.bench.made_stalls import CLIENTS, TRACES, made_stalls
from tests.bench.test_report import Elements

PAGE = write_stalls_html(made_stalls(), command="riverrun bench stalls", environment={"python": "3.13"})


def test_each_trace_has_its_three_pictures_and_its_table() -> None:
    for trace in TRACES:
        part = PAGE.partition(f'<section id="{trace}"')[2].partition("</section>")[0]
        assert part.count("<figure>") == 3
        assert part.count('scope="row"') == 18
        assert all(name in part for name in CLIENTS)


def test_the_clocks_stand_in_the_picture_of_the_gaps() -> None:
    assert "5 s: 5 s" in PAGE
    assert "120 s: default" in PAGE  # a model that reasons has twice the time


def test_the_data_of_the_page_is_the_measurement() -> None:
    told = Elements(PAGE).scripts[0]
    assert write_reports(read_reports(told)) == write_reports(made_stalls())


def test_a_measurement_without_curves_has_tables_and_the_picture_that_needs_none() -> None:
    page = write_stalls_html([evolve(report, curves=None) for report in made_stalls()])
    assert page.count("<figure>") == len(TRACES)


def test_a_measurement_in_which_nothing_was_seen_is_a_page_too() -> None:
    nothing = {name: Estimate(nan, nan, nan) for name in made_stalls()[0].estimates}
    page = write_stalls_html([evolve(made_stalls()[0], estimates=nothing, curves=None)])
    assert "<figure>" not in page


def test_a_hostile_name_is_a_text() -> None:
    page = Elements(write_stalls_html([evolve(made_stalls()[0], client=HOSTILE, gaps=HOSTILE)], command=HOSTILE))
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert not [tag for tag, _ in page.elements if tag == "img"]


def test_the_best_of_a_row_is_told_in_words_too() -> None:
    assert re.search(r'<span class="best">[\d.]+</span><span class="only-read"> best</span>', PAGE)


# -- plots ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis("s", 0.01, 120.0), ["0.01", "0.1", "1", "10", "100"]),
        (Axis("s", 8.0, 400.0), ["10", "100"]),
        (Axis("s", 12.0, 90.0), ["20", "50"]),
        (Axis("n", 0.0, 300.0, knee=1.0), ["0", "1", "10", "100"]),
        (Axis("share", 0.001, 1.0, is_share=True), ["0.1 %", "1 %", "10 %", "100 %"]),
    ],
)
def test_ticks_are_round_and_few(axis: Axis, ticks: list[str]) -> None:
    assert [axis.write(tick) for tick in axis.ticks()] == ticks


def test_an_axis_holds_all_that_is_finite() -> None:
    assert bounds([3.0, inf, nan, 500.0], 1.0, 10.0) == (1.0, pytest.approx(575.0))


def test_what_is_beyond_an_axis_stands_at_its_end() -> None:
    axis = Axis("s", 1.0, 10.0)
    assert [axis.place(value) for value in (0.5, 1.0, 10.0, 50.0)] == [0, 0, 1, 1]


def test_points_on_each_other_share_a_label_and_labels_keep_apart() -> None:
    plot = Plot(Axis("s", 1.0, 1000.0), Axis("n", 0.0, 100.0, knee=1.0))
    near = [("a", 30.0), ("b", 30.0), ("another", 45.0), ("last", 950.0)]
    plot.spots(Spot(name, n, (x, x, x), (0.0, 0.0, 0.0)) for n, (name, x) in enumerate(near))
    labels = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="limit-text">(\w+)', plot.write("p").text)
    assert [name for *_, name in labels] == ["a", "b", "another", "last"]
    assert len({(x, y) for x, y, _ in labels}) == 4
    assert all(float(x) + 7 * len(name) <= 400 for x, _, name in labels)
