"""`riverrun simulate`: thousands of broken answers in virtual time, checked against the laws; and one, told as a story.

No key and no network. A failure ends in a small scenario file, its story, and the command that plays it again.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import trio
from attrs import evolve, frozen

from ...bounded_file import read_bounded
from ...core.codec import CodecError
from ...core.printable import printable
from ...core.usage_error import UsageError
from ...core.validators import seen
from ...testing.law import Law, Violation
from ...testing.simulator.coverage import RARE_STATES
from ...testing.simulator.generate import scenario_of
from ...testing.simulator.planners import PLANNERS, planner_of
from ...testing.simulator.runner import Outcome, simulate_alone
from ...testing.simulator.scenario import Scenario
from ...testing.simulator.shrink import shrink
from ...testing.simulator.story import tell_story
from ...testing.simulator.sweep import NOT_THE_SAME, SeedFailure, SweepReport, simulate_twice, sweep
from ...testing.simulator.worlds import WORLDS
from ..exit_codes import ExitCode, OutputFailed, SayItHere
from ..output import escaped
from ..shell import option
from ..streams import write_line
from .defaults import DEFAULTS

STORIES_MAX = 3
"""How many failures are made small and told: one for each law, the lowest seeds first."""

SCENARIO_BYTES_MAX = 1024 * 1024
"""The largest scenario that is read; those of a sweep have a few hundred bytes."""

MOST = {"runs": 10**9, "jobs": 1024, "seed": 2**63 - 1 - 10**9}
"""The largest numbers of a sweep: its last seed is one of 64 bits."""

FAILURES_MAX = 100
"""After how many failures a sweep stops: more of them say nothing new."""

BAR_WIDTH = 30

_PLANNER = re.compile(r"[\w.]{1,200}:\w{1,100}", re.ASCII)
"""What a planner's name may look like, to stand in a command that is offered."""


def run(args: argparse.Namespace) -> int:
    """Sweep, or play one scenario. Raises UsageError for what can not be run; else 0 if the laws held, and 1 if not."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # whoever started us may have said that Ctrl-C is not for us
        signal.signal(signal.SIGINT, _interrupt)
    try:
        return int(_play(args) if args.scenario is not None else _sweep(args))
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(_signal: int, _frame: object) -> None:
    """Hear a Ctrl-C: at once, or, inside a simulation, when its seeds are done; a second one always at once.

    Raised anywhere inside, it may hit a finalizer, which Python lets swallow it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not trio.lowlevel.in_trio_run():
        raise KeyboardInterrupt


def _hearing(show: Callable[[int, int], None] | None) -> Callable[[int, int], None]:
    """Show progress, and raise the Ctrl-C that was heard meanwhile."""

    def on_progress(done: int, failed: int) -> None:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it is ours until one was heard
            raise KeyboardInterrupt
        if show is not None:
            show(done, failed)

    return on_progress


# -- one scenario -------------------------------------------------------------------------------------------------


def _play(args: argparse.Namespace) -> ExitCode:
    if said := [f"--{name}" for name in DEFAULTS if name != "planner" and getattr(args, name) is not None]:
        raise UsageError(
            f"{', '.join(said)} beside --scenario; expected --scenario FILE without: it is one run, as written there"
        )
    outcome = simulate_twice(_read_scenario(args.scenario, args.planner))
    if args.json:
        write_line(json.dumps(_outcome_json(outcome), indent=2))
    else:
        if outcome.scenario.why:
            write_line(escaped(outcome.scenario.why))
        write_line(escaped(tell_story(outcome).removesuffix("\n")))
        write_line("a law was broken" if outcome.broken else "every law held")
    return ExitCode.NO_ANSWER if outcome.broken else ExitCode.DONE


def _read_scenario(path: str, planner: str | None) -> Scenario:
    """Read it; `planner`, if given, is used instead of its own. Nothing is imported because the file says so."""
    data = read_bounded(path, SCENARIO_BYTES_MAX, "a scenario")
    try:
        scenario = Scenario.from_json(data)
    except CodecError as error:
        raise UsageError(f"{path} is no scenario: {error}; `riverrun simulate` writes them") from error
    if planner is not None:
        scenario = evolve(scenario, planner=planner)
        _find_planner(planner)
    elif scenario.planner not in PLANNERS:
        raise _say_the_planner(path, scenario.planner)
    if scenario.level not in WORLDS:
        raise UsageError(f"{path} has the level {scenario.level!r}; expected one of {', '.join(WORLDS)}")
    return scenario


def _say_the_planner(path: str, planner: str) -> SayItHere:
    message = (
        f"{path} names the planner '{printable(planner)}': so says the file, and only what this command names is "
        "imported; expected --planner"
    )
    if not _PLANNER.fullmatch(planner):
        return SayItHere(message, "what the file says can not be used; say by what to plan: --planner default")
    return SayItHere(message, f"if it is yours: {_command(path, planner)}")


def _command(path: str, planner: str) -> str:
    """Return what plays a scenario again."""
    words = ["riverrun simulate", option("--scenario", path)]
    return " ".join(words if planner in PLANNERS else [*words, option("--planner", planner)])


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    return {
        "seed": outcome.scenario.seed,
        "broken": [{"law": one.law, "message": one.message} for one in outcome.broken],
        "reached": sorted(outcome.reached),
        "log_hash": outcome.log_hash,
        "log": outcome.log,
    }


# -- a sweep ------------------------------------------------------------------------------------------------------


@frozen
class FailureStory:
    """A failure made small: what the sweep said of it, its file, and what happens there when it is run again alone.

    `repeats`: the law was broken then too. If it was not, nothing could be made small.
    """

    failure: SeedFailure
    path: Path
    story: str
    repeats: bool
    doubt: str
    """What may be the reason if it does not repeat."""
    planner: str

    @property
    def found(self) -> Violation:
        """What the sweep saw."""
        return self.failure.broken[0]

    @property
    def command(self) -> str:
        """What plays it again."""
        return _command(str(self.path), self.planner)

    def tell(self) -> str:
        """Say what was found, and then the story."""
        head = f"seed {self.failure.seed} breaks a law: {self.found.law}: {self.found.message}"
        if self.repeats:
            return f"{head}\nMade small, it is in {self.path}:\n\n{self.story}"
        return f"{head}\nNot seen when it was run again alone{self.doubt} It is in {self.path}:\n\n{self.story}"


def _sweep(args: argparse.Namespace) -> ExitCode:
    args = argparse.Namespace(**{**vars(args), **{k: v for k, v in DEFAULTS.items() if getattr(args, k) is None}})
    _check(args)
    with _progress(args.runs, shown=not args.json) as on_progress:
        report = sweep(
            args.runs,
            seed=args.seed,
            jobs=args.jobs,
            level=args.level,
            planner=args.planner,
            on_progress=_hearing(on_progress),
            failures_max=FAILURES_MAX,
        )
    told = [_tell(failure, args) for failure in _one_for_each_law(report)]
    if args.json:
        write_line(json.dumps(_report_json(report, told), indent=2))
    else:
        _print_report(report, told)
    return ExitCode.DONE if report.is_clean else ExitCode.NO_ANSWER


def _check(args: argparse.Namespace) -> None:
    for name, least in (("runs", 1), ("jobs", 1), ("seed", 0)):
        given: int | None = getattr(args, name)
        if given is not None and given < least:
            raise UsageError(f"--{name} is {given}; expected at least {least}")
        if given is not None and given > MOST[name]:
            raise UsageError(f"--{name} is {seen(given)}; expected at most {MOST[name]}")
    _find_planner(args.planner)
    if not os.path.isdir(args.save) or not os.access(args.save, os.W_OK):
        raise UsageError(
            f"--save is {args.save}, which is no folder that can be written; expected one for failing scenarios"
        )


def _find_planner(name: str) -> None:
    """Find the planner that the command names, in the current folder too; a sweep's processes are told the same path.

    The folder comes last, and only where a planner is looked for: what else lies there hides nothing that we import.
    """
    if name not in PLANNERS and not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
    planner_of(name)


def _one_for_each_law(report: SweepReport) -> list[SeedFailure]:
    first: dict[str, SeedFailure] = {}
    for failure in report.failures:
        first.setdefault(failure.broken[0].law, failure)
    return list(first.values())[:STORIES_MAX]


def _tell(failure: SeedFailure, args: argparse.Namespace) -> FailureStory:
    """Make a failure small if it repeats, write it to a file, and tell it."""
    law = failure.broken[0].law
    outcome, repeats = _made_small(evolve(scenario_of(failure.seed, args.level), planner=args.planner), law)
    why = f"found by seed {failure.seed}: {law}{'' if repeats else ', not seen when it was run again alone'}"
    path = Path(args.save) / f"riverrun-seed-{failure.seed}.json"
    try:
        path.write_text(evolve(outcome.scenario, why=why).to_json(), encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"{path}: {error.strerror or error}") from error
    doubt = "." if args.planner in PLANNERS else ": is the planner pure?"
    return FailureStory(failure, path, tell_story(outcome, found_by=failure.seed), repeats, doubt, args.planner)


def _made_small(scenario: Scenario, law: Law) -> tuple[Outcome, bool]:
    """Make a scenario small and play it; or play it as it is where the law does not break again. Say which it was."""
    run = simulate_twice if law is NOT_THE_SAME.law else simulate_alone
    for candidate in (shrink(scenario, law, run=run), scenario):
        outcome = simulate_twice(candidate)
        if any(violation.law == law for violation in outcome.broken):
            return outcome, True
    return outcome, False


def _report_json(report: SweepReport, told: list[FailureStory]) -> dict[str, object]:
    return {
        "runs": report.runs,
        "asked": report.asked,
        "seed": report.seed,
        "jobs": report.jobs,
        "seconds": round(report.seconds, 3),
        "runs_a_minute": round(report.runs_a_minute),
        "events_a_run": round(report.events / report.runs, 2),
        "faulty": report.faulty,
        "failed": report.failed,
        "failures": [
            {"seed": one.seed, "broken": [{"law": b.law, "message": b.message} for b in one.broken]}
            for one in report.failures
        ],
        "scenarios": [_story_json(one) for one in told],
        "reached": {state: report.reached.get(state, 0) for state in RARE_STATES},
        "missing": list(report.missing),
    }


def _story_json(told: FailureStory) -> dict[str, object]:
    return {
        "seed": told.failure.seed,
        "law": told.found.law,
        "message": told.found.message,
        "repeats": told.repeats,
        "file": str(told.path),
        "story": told.story,
    }


def _print_report(report: SweepReport, told: list[FailureStory]) -> None:
    write_line("rare states, and in how many runs:")
    for state in RARE_STATES:
        count = report.reached.get(state, 0)
        write_line(f"  {count:8}  {state}{'   <- never' if state in report.missing else ''}")
    write_line("")
    for one in told:
        write_line(escaped(one.tell()))
        write_line(f"play it again:  {one.command}\n")
    seeds = ", ".join(str(failure.seed) for failure in report.failures[:20])
    last = report.seed + report.runs - 1
    processes = f"{report.jobs} process{'es' if report.jobs != 1 else ''}"
    pace = f"{report.seconds:.1f} s on {processes}: {report.runs_a_minute:,.0f} a minute"
    write_line(
        f"{report.runs} runs (seeds {report.seed} to {last}), {report.events / report.runs:.1f} events each, {pace}"
    )
    if report.has_stopped:
        write_line(f"stopped after {report.failed} failures, {report.runs} of {report.asked} seeds")
    if report.failed:
        write_line(f"{report.failed} broke a law: {seeds}{' …' if report.failed > 20 else ''}")
    elif report.missing:
        write_line(
            f"no law was broken, but {len(report.missing)} rare states were never reached: the sweep proves little"
        )
    else:
        write_line("every law held")


# -- progress -----------------------------------------------------------------------------------------------------


@contextmanager
def _progress(runs: int, *, shown: bool) -> Generator[Callable[[int, int], None] | None, None, None]:
    """Show how far a sweep is, on standard error and only to a person: by rich if it is here, plainly if not."""
    if not shown or not sys.stderr.isatty():
        yield None
    elif importlib.util.find_spec("rich") is not None:
        with _rich_progress(runs) as on_progress:
            yield on_progress
    else:
        yield lambda done, failed: _draw(runs, done, failed)
        sys.stderr.write("\r" + " " * (BAR_WIDTH + 45) + "\r")


@contextmanager
def _rich_progress(runs: int) -> Generator[Callable[[int, int], None], None, None]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("simulating", total=runs)

        def on_progress(done: int, failed: int) -> None:
            says = f"simulating, {failed} failed" if failed else "simulating"
            progress.update(task, completed=done, description=says)

        yield on_progress


def _draw(runs: int, done: int, failed: int) -> None:
    filled = BAR_WIDTH * done // runs
    says = f", {failed} failed" if failed else ""
    sys.stderr.write(f"\r[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {done} of {runs}{says}")
    sys.stderr.flush()
