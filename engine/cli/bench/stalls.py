"""`riverrun bench stalls`: a table of what policies and usual clients do to answers that stall."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from math import isinf, isnan
from pathlib import Path

from attrs import frozen

from ...bench.machine import environment
from ...bench.report.llmd import llmd_of_stalls
from ...bench.report.stalls import write_stalls_html
from ...bounded_file import read_bounded
from ...core.policy import Policy, StallPolicy
from ...core.usage_error import UsageError
from ...testing.processes import in_processes
from ...testing.stalls.gaps import TRACES, Gaps
from ...testing.stalls.measure import measure_stalls
from ...testing.stalls.measures import Estimate, measures
from ...testing.stalls.mishaps import Mishaps
from ...testing.stalls.plain import PlainClient
from ...testing.stalls.recorded_gaps import gaps_of_folder
from ...testing.stalls.report import StallReport, compare_reports, read_reports, write_reports
from ..exit_codes import ExitCode
from ..output import escaped
from ..streams import write_line
from .defaults import ANSWERS, ODDS, WORDS
from .files import write_file, write_folder
from .policy_file import policy_named

REPORT_BYTES_MAX = 16 * 1024 * 1024
"""The largest measurement that is read; one of the built-in traces has 160 KB."""

USUAL: dict[str, Policy | PlainClient] = {
    "plain": PlainClient(),
    "fixed 30s": Policy(stall=StallPolicy(idle_s=30, first_event_s=30, headers_s=30)),
    "fixed 60s": Policy(stall=StallPolicy(idle_s=60, first_event_s=60, headers_s=60)),
    "no clock": Policy(stall=StallPolicy(idle_s=None, first_event_s=None, headers_s=None)),
    "default": Policy(),
}
"""What stands beside the policies that are asked about: a client that starts over, usual clocks, and ours."""

NAME_WIDTH, COLUMN_WIDTH = 25, 10


@frozen
class Cell:
    """One row of answers that is to be measured, in whichever process."""

    client: Policy | PlainClient
    name: str
    gaps: Gaps
    mishaps: Mishaps
    continues: str
    answers: int
    words: int
    seed: int

    def measure(self) -> StallReport:
        """Measure it."""
        return measure_stalls(
            self.client, gaps=self.gaps, mishaps=self.mishaps, continues=self.continues, answers=self.answers,
            words=self.words, seed=self.seed, name=self.name,
        )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Measure or compare. Raises UsageError for what can not be; else 0, and 1 if something got worse."""
    if args.compare is not None:
        old, new = args.compare
        return _tell_worse(_read(old), _read(new))
    ratchet = None if args.ratchet is None else _read(args.ratchet)
    cells = list(_cells(args))
    reports: list[StallReport] = []
    jobs = args.jobs if args.jobs is not None else os.cpu_count() or 1
    if jobs < 1:
        raise UsageError(f"--jobs is {jobs}; expected at least 1")
    for report in in_processes(Cell.measure, cells, min(jobs, len(cells))):
        reports.append(report)
        _show_progress(len(reports), len(cells))
    for trace in dict.fromkeys(report.gaps for report in reports):
        _print_table([report for report in reports if report.gaps == trace])
    _write_files(args, reports)
    return ExitCode.DONE if ratchet is None else _tell_worse(ratchet, reports)


def _cells(args: argparse.Namespace) -> Iterator[Cell]:
    clients: dict[str, Policy | PlainClient] = {} if args.only and args.policies else dict(USUAL)
    policies: list[str] = args.policies
    for name in policies:
        clients[Path(name).name] = policy_named(name)
    names: list[str] = args.trace or ([] if args.recordings else list(TRACES))
    traces: list[Gaps] = [TRACES[name] for name in names]
    if args.recordings is not None:
        traces.append(gaps_of_folder(args.recordings))
    odds: dict[str, float] = {name: getattr(args, name) for name in ODDS if getattr(args, name) is not None}
    for gaps in traces:
        for name, client in clients.items():
            yield Cell(
                client, name, gaps, Mishaps(**odds), args.continues or "quote", _or(args.answers, ANSWERS),
                _or(args.words, WORDS), _or(args.seed, 0),
            )  # fmt: skip


def _or(given: int | None, default: int) -> int:
    return default if given is None else given


# -- files ------------------------------------------------------------------------------------------------------------


def _read(path: str) -> list[StallReport]:
    data = read_bounded(path, REPORT_BYTES_MAX, "a measurement that `riverrun bench stalls --json` wrote")
    try:
        return read_reports(data.decode("utf-8", "replace"))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _write_files(args: argparse.Namespace, reports: Sequence[StallReport]) -> None:
    if args.json is not None:
        write_file(args.json, write_reports(reports))
    if args.html is not None:
        command, ran_on = shlex.join(["riverrun", *sys.argv[1:]]), environment()
        write_file(args.html, write_stalls_html(reports, command=command, environment=ran_on))
    if args.llmd is not None:
        write_folder(args.llmd, llmd_of_stalls(reports))


# -- what is told -----------------------------------------------------------------------------------------------------


def _print_table(reports: Sequence[StallReport]) -> None:
    """Print one trace: a column a client, a row a measure; below each the interval, where there is one."""
    first = reports[0]
    head = f"{first.gaps}: {first.answers} answers a column, continued by {first.continues}, seed {first.seed}"
    write_line(escaped(head))
    write_line(escaped(f"{'':<{NAME_WIDTH}}{_row(report.client for report in reports)}"))
    for measure in measures(0):
        told = [report[measure.name] for report in reports]
        label = f"{measure.name} {measure.unit}".strip()
        write_line(f"{label:<{NAME_WIDTH}}{_row(_number(each.value, measure.digits) for each in told)}")
        if any(spreads := [_spread(each, measure.digits) for each in told]):
            write_line(f"{'':<{NAME_WIDTH}}{_row(spreads)}".rstrip())
    if wrong := sum(report.inexact for report in reports):
        write_line(f"{wrong} answers were not what was said: this is a bug of riverrun's, please tell us")
    write_line("")


def _row(texts: Iterable[str]) -> str:
    return "".join(f"{text[: COLUMN_WIDTH - 1]:>{COLUMN_WIDTH}}" for text in texts)


def _number(value: float, digits: int) -> str:
    if isnan(value):
        return "-"
    if isinf(value):
        return "never"
    return f"{value:.{0 if value >= 1000 else digits}f}"


def _spread(estimate: Estimate, digits: int) -> str:
    """Say the interval, if it is seen to be one; what is too wide for its column loses what is behind the point."""
    if isnan(estimate.value):
        return ""
    for kept in (digits, 0):
        ends = [_number(end, kept) for end in (estimate.low, estimate.high)]
        if len(told := "-".join(dict.fromkeys(ends))) < COLUMN_WIDTH:
            return told if ends[0] != ends[1] else ""
    return f"<{_number(estimate.high, 0)}"


def _tell_worse(before: Sequence[StallReport], after: Sequence[StallReport]) -> ExitCode:
    worse = list(compare_reports(before, after))
    for one in worse:
        write_line(escaped(f"worse: {one}"))
    if not worse:
        write_line("nothing got worse beyond the spread")
    return ExitCode.NO_ANSWER if worse else ExitCode.DONE


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\rmeasured {done} of {total}" if done < total else "\r" + " " * 30 + "\r")
        sys.stderr.flush()
