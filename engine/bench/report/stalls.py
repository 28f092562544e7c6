"""The report of `riverrun bench stalls`: gaps and clocks, false alarms against patience, and how long answers take."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import isinf, isnan

from ...testing.stalls.measures import Estimate, Measure, measures
from ...testing.stalls.report import StallReport, write_reports
from .chart import Axis, Plot, Spot, bounds, sample
from .markup import Child, Html, el
from .page import box, facts, section, slug, write_page

GLANCE = ("stall to next word p50", "healthy given up", "whole")
"""What the first table of a page compares, over all traces."""


def write_stalls_html(
    reports: Sequence[StallReport],
    *,
    command: str = "riverrun bench stalls",
    environment: Mapping[str, str] | None = None,
) -> str:
    """Write reports as one HTML file: its data is inside, and it asks nothing of any network."""
    traces: dict[str, list[StallReport]] = {}
    for report in reports:
        traces.setdefault(report.gaps, []).append(report)
    clients = list(dict.fromkeys(report.client for report in reports))
    told = {"clients": str(len(clients)), "traces": str(len(traces)), **_shared(reports)}
    sections = {"At a glance": _glance(traces, clients)}
    sections |= {name: _trace(name, every, clients) for name, every in traces.items()}
    sections["This run"] = section("This run", None, facts({"command": command, **(environment or {})}), id_="this-run")
    lead = "Every client met the same answers, in virtual time, and the same things went wrong with them."
    return write_page(
        "What a policy does to answers that stall", command="bench stalls", lead=lead, told=told, sections=sections,
        plain=json.loads(write_reports(reports)),
    )  # fmt: skip


def _shared(reports: Iterable[StallReport]) -> dict[str, str]:
    told = {
        "answers a client and trace": {str(report.answers) for report in reports},
        "continued by": {report.continues for report in reports},
        "seed": {str(report.seed) for report in reports},
    }
    return {name: ", ".join(sorted(values)) for name, values in told.items() if values}


# -- tables -----------------------------------------------------------------------------------------------------------


def _number(value: float, digits: int) -> str:
    if isnan(value):
        return "-"
    return "never" if isinf(value) else f"{value:,.{0 if value >= 1000 else digits}f}"


def _estimate(estimate: Estimate, digits: int, best: float | None) -> Html:
    is_best = _written(estimate.value, digits) == best
    low, high = _number(estimate.low, digits), _number(estimate.high, digits)
    told = el("span", f"{low} to {high}", class_="spread") if low != high else None
    value = _number(estimate.value, digits)
    mark = el("span", " best", class_="only-read") if is_best else None
    return el("td", el("span", value, class_="best" if is_best else None), mark, told, class_="count")


def _best(reports: Sequence[StallReport], measure: Measure) -> float | None:
    """Return the best value as it is written, if not all are as good."""
    values = [value for report in reports if not isnan(value := _written(report[measure.name].value, measure.digits))]
    if len(set(values)) < 2:
        return None
    return max(values) if measure.more_is_better else min(values)


def _written(value: float, digits: int) -> float:
    return value if isinf(value) or isnan(value) else round(value, digits)


def _named(measure: Measure) -> Html:
    unit = f" {measure.unit}" if measure.unit else ""
    return el("th", measure.name, el("span", unit, class_="quiet"), scope="row")


def _client_heads(reports: Iterable[StallReport], clients: Sequence[str]) -> list[Html]:
    every = ((clients.index(report.client), report.client) for report in reports)
    return [el("th", el("span", sample(n), name, class_="head"), scope="col", class_="count") for n, name in every]


def _measure_table(reports: Sequence[StallReport], clients: Sequence[str], names: Sequence[str] | None = None) -> Html:
    rows: list[Html] = []
    for measure in measures(0):
        if names is None or measure.name in names:
            best = _best(reports, measure)
            cells = [_estimate(report[measure.name], measure.digits, best) for report in reports]
            rows.append(el("tr", _named(measure), *cells))
    head = el("thead", el("tr", el("th", "measure", scope="col"), *_client_heads(reports, clients)))
    return el("table", head, el("tbody", *rows), class_="numbers full")


def _glance(traces: Mapping[str, Sequence[StallReport]], clients: Sequence[str]) -> Html:
    lead = (
        "The measures that a choice of policy turns on. Bold is the best of its row; below a number is the interval in "
        "which 95 of 100 resamples of the answers lie."
    )
    told = [measure for measure in measures(0) if measure.name in GLANCE]
    bodies = [
        el("tbody", _heading(measure, len(clients)), *(_glance_row(measure, name, reports, clients)
                                                     for name, reports in traces.items()))
        for measure in sorted(told, key=lambda each: GLANCE.index(each.name))
    ]  # fmt: skip
    heads = [
        el("th", el("span", sample(n), name, class_="head"), scope="col", class_="count")
        for n, name in enumerate(clients)
    ]
    table = el("table", el("thead", el("tr", el("th", "trace", scope="col"), *heads)), *bodies, class_="numbers full")
    return section("At a glance", lead, box(table, "At a glance"), id_="at-a-glance")


def _heading(measure: Measure, clients: int) -> Html:
    better = "more is better" if measure.more_is_better else "less is better"
    told = el("span", measure.name, " ", el("span", f"{measure.unit}, {better}".lstrip(", "), class_="quiet"))
    return el("tr", el("th", told, scope="rowgroup", colspan=str(1 + clients)), class_="measure")


def _glance_row(measure: Measure, trace: str, reports: Sequence[StallReport], clients: Sequence[str]) -> Html:
    best, held = _best(reports, measure), {report.client: report[measure.name] for report in reports}
    cells = [_estimate(held[name], measure.digits, best) if name in held else el("td", "-") for name in clients]
    return el("tr", el("th", trace, scope="row", class_="trace"), *cells)


# -- pictures ---------------------------------------------------------------------------------------------------------


def _trace(name: str, reports: Sequence[StallReport], clients: Sequence[str]) -> Html:
    lines = [el("li", sample(n), el("span", client)) for n, client in enumerate(clients)]
    figures = [_gaps_figure(reports), _alarms_figure(reports, clients), _completion_figure(reports, clients)]
    table = box(_measure_table(reports, clients), f"All measures on {name}")
    inexact = sum(report.inexact for report in reports)
    return section(
        name, None, el("ul", *lines, class_="series"),
        el("div", *(figure for figure in figures if figure is not None), class_="plots"),
        el("p", f"{inexact} answers were not what was said: a bug of riverrun's.") if inexact else None,
        el("details", el("summary", "All measures, with their intervals"), table), id_=slug(name),
    )  # fmt: skip


def _figure(title: str, says: Child, picture: Html) -> Html:
    return el("figure", el("figcaption", title, el("span", says)), picture)


def _gaps_figure(reports: Sequence[StallReport]) -> Html | None:
    """Draw how often a gap between words is longer than so much, and where each clock gives up."""
    curves = reports[0].curves
    if curves is None or not curves.gaps:
        return None
    clocks: dict[float, list[str]] = {}
    for report in reports:
        if report.curves is not None and report.curves.clock_s:
            clocks.setdefault(report.curves.clock_s, []).append(report.client)
    low, high = bounds([seconds for seconds, _ in curves.gaps] + list(clocks), 0.01, 100.0)
    least = min(share for _, share in curves.gaps if share > 0)
    plot = Plot(Axis("gap between words, s", low, high), Axis("gaps that are longer", least / 1.3, 1.0, is_share=True))
    plot.line([(seconds, share) for seconds, share in curves.gaps if share > 0], "gaps-line")
    for clock_s, names in sorted(clocks.items()):
        plot.limit(clock_s, _cut(f"{clock_s:g} s: {', '.join(names)}"))
    longest = curves.gaps[-1][0]
    told = f"Gaps between words: the longest of healthy answers is {longest:g} s. Clocks: " + "; ".join(
        f"{', '.join(names)} {clock_s:g} s" for clock_s, names in clocks.items()
    )
    return _figure(
        "Gaps of healthy answers, and the clocks", "right of a clock, healthy streams are given up", plot.write(told)
    )


def _cut(label: str) -> str:
    return label if len(label) <= 36 else f"{label[:35]}\u2026"


def _alarms_figure(reports: Sequence[StallReport], clients: Sequence[str]) -> Html | None:
    """Draw what is given up for nothing against how soon a stall is seen."""
    spots = [
        Spot(
            report.client,
            clients.index(report.client),
            _ends(report["detection p50"]),
            _ends(report["healthy given up"]),
        )
        for report in reports
        if not isnan(report["detection p50"].value)
    ]
    if not spots:
        return None
    low, high = bounds([value for spot in spots for value in spot.x], 8.0, 80.0)
    most = max([10.0, *(spot.y[2] for spot in spots)])
    plot = Plot(Axis("stall to detection, median s", low / 1.6, high * 1.4),
                Axis("healthy given up, of 1,000 answers", 0.0, most * 1.3, knee=1.0))  # fmt: skip
    plot.spots(spots)
    told = "; ".join(f"{spot.name}: {spot.x[0]:g} s, {spot.y[0]:g} of 1,000" for spot in spots)
    without = [report.client for report in reports if isnan(report["detection p50"].value)]
    says = f"the lower left is best; no stall seen by: {', '.join(without)}" if without else "the lower left is best"
    return _figure("False alarms against patience", says, plot.write(told))


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def _completion_figure(reports: Sequence[StallReport], clients: Sequence[str]) -> Html | None:
    """Draw how many answers are still under way after so long."""
    told = [
        (clients.index(each.client), each.curves.completion)
        for each in reports
        if each.curves and each.curves.completion
    ]
    if not told:
        return None
    times = [seconds for _, curve in told for seconds, _ in curve]
    answers = max(report.answers for report in reports)
    x = Axis("seconds since asked", min(times) / 1.1, max(times) * 1.1)
    plot = Plot(x, Axis("answers not whole yet", 0.7 / answers, 1.0, is_share=True))
    for number, curve in told:
        plot.steps(
            [(min(times) / 1.1, 1.0), *((seconds, max(share, 0.7 / answers)) for seconds, share in curve)], number
        )
    words = "; ".join(f"{clients[n]}: the last after {curve[-1][0]:g} s" for n, curve in told)
    return _figure("How long answers take", "a line that ends above the axis: the rest never came", plot.write(words))
