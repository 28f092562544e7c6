"""The report of `riverrun bench faults`: a grid of verdicts, what they cost, and both logs of each trial."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..result import BenchResult, FaultRow, Verdict, write_result
from .markup import Child, Html, el, join
from .page import MARKS, box, facts, icon, section, slug, write_page
from .summary import (
    MEANINGS,
    VERDICTS,
    Cell,
    PeerSummary,
    Spread,
    bounded,
    cannot_win,
    cells_of,
    groups_of,
    spread_of,
    summaries_of,
)

OURS = "riverrun"
"""The client that stands out: the others are beside it."""

MOMENTS_MAX = 100_000
"""How many lines of logs a page holds (about 8 MB); the file of `--json` has all of them."""

_COUNTS = (
    ("characters lost", "chars_lost"),
    ("characters doubled", "chars_doubled"),
    ("calls lost", "calls_lost"),
    ("calls doubled", "calls_doubled"),
    ("half calls", "calls_half"),
    ("tokens paid twice", "tokens_twice"),
)
_TIMES = (("detection", "detection_s"), ("recovery", "recovery_s"), ("total", "total_s"))


def write_faults_html(result: BenchResult) -> str:
    """Write a result as one HTML file: its data is inside, and it asks nothing of any network."""
    summaries = summaries_of(result)
    kept = bounded(result, MOMENTS_MAX)
    told = {
        "profile": result.profile,
        "faults": str(len(result.faults)),
        "clients": str(len(summaries)),
        "trials": str(len(result.trials)),
        "seeds": ", ".join(map(str, result.seeds)),
        "run": result.started_at,
    }
    sections = {
        "Scores": _scores(summaries, len(result.faults)),
        "Verdicts": _verdicts(result, summaries),
        "Waterfall": _waterfall(kept),
        "Numbers": _numbers(summaries),
        "Can not be won": _cannot_be_won(result),
        "This run": _run(result),
    }
    return write_page(
        "What clients make of a broken stream", command="bench faults", lead=_lead(summaries, len(result.faults)),
        told=told, sections=sections, plain=json.loads(write_result(kept), parse_constant=str),
    )  # fmt: skip


def _lead(summaries: Sequence[PeerSummary], faults: int) -> Html:
    """Say in a sentence how ours did, and who came next."""
    ranked = sorted(summaries, key=lambda each: -each.faults_exact)
    first = [each for each in ranked if each.peer.name == OURS] or ranked[:1]
    second = [each for each in ranked if each not in first][:1]
    told: list[Child] = []
    for each, says in zip(
        (*first, *second), (" gave the whole answer, to the letter, under ", "; the next best, "), strict=False
    ):
        told += [says, _strong(each), " under "] if told else [_strong(each), says]
        told += [el("strong", f"{each.faults_exact} of {faults}"), "" if len(told) > 4 else " faults"]
    return join(*told, "." if told else "No client ran.")


def _strong(summary: PeerSummary) -> Html:
    return el("strong", summary.peer.name)


def badge(verdict: Verdict) -> Html:
    """Return a verdict as an icon and a word."""
    return el("span", icon(slug(verdict)), str(verdict), class_=f"verdict {slug(verdict)}")


# -- scores -----------------------------------------------------------------------------------------------------------


def _scores(summaries: Sequence[PeerSummary], faults: int) -> Html:
    heads = [el("th", "client", scope="col"), el("th", "trials by verdict", scope="col", class_="bar-head")]
    heads += [el("th", badge(verdict), scope="col", class_="count") for verdict in VERDICTS]
    heads.append(el("th", f"faults exact, of {faults}", scope="col", class_="count"))
    rows = [_score(each) for each in summaries]
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), class_="scores full")
    key = [el("li", badge(verdict), MEANINGS[verdict]) for verdict in VERDICTS]
    return section("Scores", "Trials of each client, by how they ended.", box(table, "Scores"),
                   el("ul", *key, class_="key"), id_="scores")  # fmt: skip


def _score(summary: PeerSummary) -> Html:
    counts = [_count(summary.verdicts.get(verdict, 0)) for verdict in VERDICTS]
    last = _count(summary.faults_exact)
    return el("tr", _who(summary), el("td", _bar(summary)), *counts, last, class_=_ours(summary.peer.name))


def _ours(name: str) -> str | None:
    return "ours" if name == OURS else None


def _who(summary: PeerSummary) -> Html:
    peer = summary.peer
    return el("th", el("span", peer.name, class_="name"), el("span", peer.version, class_="version"), scope="row")


def _count(number: int) -> Html:
    return el("td", number, class_="count" if number else "count zero")


def _bar(summary: PeerSummary) -> Html:
    """Draw the shares of the verdicts, each with a pattern of its own."""
    parts, at = list[Html](), 0.0
    for verdict in VERDICTS:
        share = 100 * summary.verdicts.get(verdict, 0) / len(summary.trials)
        fill = "var(--exact)" if verdict is Verdict.EXACT else f"url(#p-{slug(verdict)})"
        if share:
            title = el("title", f"{verdict}: {summary.verdicts[verdict]}")
            parts.append(el("rect", title, x=f"{at:.3f}%", width=f"{share:.3f}%", height="22", fill=fill))
            parts.append(
                el("rect", x=f"{at + share:.3f}%", width="2", height="22", class_="edge")
                if at + share < 99.9
                else Html("")
            )
        at += share
    told = ", ".join(f"{summary.verdicts[verdict]} {verdict}" for verdict in VERDICTS if summary.verdicts.get(verdict))
    return el("svg", *parts, class_="bar", role="img", aria_label=told)


# -- the grid ---------------------------------------------------------------------------------------------------------


def _verdicts(result: BenchResult, summaries: Sequence[PeerSummary]) -> Html:
    lead = (
        "Each cell tells the worst of its trials, and how many ended so where not all did. Open one to see its trials "
        "and both logs as one timeline: click, or move with the arrow keys and press Enter. "
        "A cell with a dashed edge can not be won."
    )
    heads = [el("th", el("span", "fault", class_="only-read"), scope="col")]
    heads += [el("th", each.peer.name, scope="col", class_=_ours(each.peer.name)) for each in summaries]
    cells = cells_of(result)
    bodies = [_group(name, faults, result, summaries, cells) for name, faults in groups_of(result.faults).items()]
    table = el("table", el("thead", el("tr", *heads)), *bodies, class_="grid full", role="grid",
               aria_labelledby="verdicts-name")  # fmt: skip
    close = el("button", "Close", type="button", id="close", class_="plain-button")
    head = el("div", el("div", id="trials-head"), close, class_="sheet-head")
    dialog = el("dialog", head, el("div", id="sheet", class_="sheet"), id="trials", aria_labelledby="trials-name")
    return section("Verdicts", lead, box(table, "Verdicts"), dialog, _marks_template(), id_="verdicts")


def _group(
    name: str,
    faults: Sequence[tuple[int, FaultRow]],
    result: BenchResult,
    summaries: Sequence[PeerSummary],
    cells: dict[tuple[str, str], Cell],
) -> Html:
    places = {peer.name: number for number, peer in enumerate(result.peers)}
    rows = [el("tr", el("th", el("span", name), scope="rowgroup", colspan=str(1 + len(summaries))), class_="group")]
    for number, fault in faults:
        told = [el("span", fault.name, class_="fault-name"), el("span", fault.title, class_="fault-title")]
        row = [
            el("td", _cell(cells.get((each.peer.name, fault.name)), fault, number, each.peer.name, places))
            for each in summaries
        ]
        rows.append(el("tr", el("th", *told, scope="row", title=fault.title), *row))
    return el("tbody", *rows)


def _cell(cell: Cell | None, fault: FaultRow, number: int, peer: str, places: dict[str, int]) -> Html:
    if cell is None:
        return el("span", icon("none"), "not run", class_="verdict none")
    name, reason = slug(cell.worst), cannot_win(fault, peer)
    share = el("span", cell.share, class_="of") if cell.share else None
    count = cell.share or f"all {len(cell.trials)}"
    label = f"{peer}, {fault.name}: {cell.worst}, {count} trials{'; can not be won' if reason else ''}"
    return el(
        "button", icon(name), el("span", str(cell.worst), share, class_="words"), type="button",
        class_=f"verdict cell {name}{' cannot' if reason else ''}", aria_label=label, aria_haspopup="dialog",
        data_peer=str(places[peer]), data_fault=str(number), data_verdict=str(cell.worst), title=reason or None,
    )  # fmt: skip


# -- the waterfall ----------------------------------------------------------------------------------------------------


def _marks() -> Html:
    told = {"request": "a request", "fault": "the fault", "resume": "asked to go on", "end": "told as whole",
            "error": "told as an error", "hang": "cut: no end"}  # fmt: skip
    marks = [el("li", _sample(el("use", href=f"#m-{name}", x="8", y="8", class_=f"mark {name}")), says)
             for name, says in told.items() if name in MARKS]  # fmt: skip
    tick = {"x1": "8", "x2": "8", "y1": "2", "y2": "14"}
    marks.insert(
        0, el("li", _sample(el("line", class_="tick caller", **tick)), "the caller got something (lower lane)")
    )
    marks.insert(
        0, el("li", _sample(el("line", class_="tick server", **tick)), "the server said something (upper lane)")
    )
    return el("ul", *marks, class_="marks")


def _sample(drawn: Html) -> Html:
    return el("svg", drawn, class_="lanes", aria_hidden="true")


def _marks_template() -> Html:
    return el("template", _marks(), id="marks")


def _waterfall(kept: BenchResult) -> Html:
    lead = "One fault, a row a client, from the moment it was asked. A dashed line is a time in which nothing came."
    shown = _to_show(kept)
    faults = [el("option", fault.name, value=str(number), selected=fault.name == shown)
              for number, fault in enumerate(kept.faults)]  # fmt: skip
    kinds = sorted(
        {(trial.wire, trial.seed) for trial in kept.trials if trial.moments}, key=lambda kind: (kind[1], kind[0])
    )
    choices = [el("option", f"{wire}, seed {seed}", value=json.dumps([wire, seed])) for wire, seed in kinds]
    controls = el(
        "div",
        el("label", "fault ", el("select", *faults, id="w-fault")),
        el("label", "trial ", el("select", *choices, id="w-kind")),
        el("label", el("input", type="checkbox", id="w-log", checked=_is_wide(kept)), "logarithmic time"),
        class_="controls",
    )
    streams = el(
        "div", el("noscript", "The streams are drawn by this page's own script."), id="w-streams", class_="streams"
    )
    return section("Waterfall", lead, controls, streams, _marks(), id_="waterfall")


def _to_show(result: BenchResult) -> str:
    """Choose the fault under which the most verdicts differ: the most is seen there."""
    kinds: dict[str, set[Verdict]] = {}
    for trial in result.trials:
        kinds.setdefault(trial.fault, set()).add(trial.verdict)
    return max(kinds, key=lambda name: len(kinds[name]), default="")


def _is_wide(result: BenchResult) -> bool:
    """Whether the longest trials would squeeze the usual ones on a linear axis."""
    spread = spread_of(trial.total_s for trial in result.trials)
    return spread is not None and spread.high > 6 * spread.median


# -- numbers ----------------------------------------------------------------------------------------------------------


def _numbers(summaries: Sequence[PeerSummary]) -> Html:
    lead = (
        "Counts are over all trials. Times are medians in seconds, and below each between which nine of ten lie: "
        "detection, from the fault to the client's next step; recovery, from there to the next new word."
    )
    names = [*(name for name, _ in _COUNTS), "requests an answer", *(name for name, _ in _TIMES)]
    heads = [el("th", "client", scope="col"), *(el("th", name, scope="col", class_="count") for name in names)]
    rows = [el("tr", _who(each), *_numbers_of(each), class_=_ours(each.peer.name)) for each in summaries]
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), class_="numbers full")
    return section("Numbers", lead, box(table, "Numbers"), id_="numbers")


def _numbers_of(summary: PeerSummary) -> Iterator[Html]:
    for _, field in _COUNTS:
        yield _count(summary.total(field))
    yield el("td", f"{summary.total('requests') / len(summary.trials):.2f}", class_="count")
    for _, field in _TIMES:
        yield _time(spread_of(getattr(trial, field) for trial in summary.trials))


def _time(spread: Spread | None) -> Html:
    if spread is None:
        return el("td", "-", class_="count zero")
    between = el("span", f"{spread.low:.2f} to {spread.high:.2f}", class_="spread")
    return el("td", f"{spread.median:.2f}", between, class_="count")


# -- the run ----------------------------------------------------------------------------------------------------------


def _cannot_be_won(result: BenchResult) -> Html:
    told = [(fault, peer, reason) for fault in result.faults for peer, reason in fault.cannot_win.items()]
    lead = "Said before the run: here no client, or not this one, can give the whole answer, and why."
    rows = [
        el("li", el("strong", fault.name), f", {'any client' if peer == '*' else peer}: {reason}.")
        for fault, peer, reason in told
    ]
    told_so = el("ul", *rows, class_="reasons") if rows else None
    return section("Can not be won", lead if rows else "Every cell can be won.", told_so, id_="can-not-be-won")


def _run(result: BenchResult) -> Html:
    shown = {"command": result.command, "started": result.started_at, **result.environment}
    missing = [
        el("li", el("strong", peer.name), f" did not run: {peer.missing}") for peer in result.peers if peer.missing
    ]
    without = sum(not trial.moments for trial in bounded(result, MOMENTS_MAX).trials)
    note = f"The logs of {without} trials are left out of this page; the file that --json writes has all of them."
    clients = {f"{peer.name} {peer.version}": peer.title for peer in result.peers if not peer.missing}
    return section("This run", None, facts(shown), el("h3", "Clients"), facts(clients),
                   el("ul", *missing, class_="reasons") if missing else None,
                   el("p", note) if without else None, id_="this-run")  # fmt: skip
