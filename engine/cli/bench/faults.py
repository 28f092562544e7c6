"""`riverrun bench faults`: a grid of what clients do with broken streams, and files with all of it."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import trio

from ...bench.faults.catalog import FAULTS, WIRES
from ...bench.faults.fault import BenchFault
from ...bench.judging.failing import failing_words, failures
from ...bench.profile import PROFILES
from ...bench.report.faults import write_faults_html
from ...bench.report.llmd import llmd_of_faults
from ...bench.report.table import grid_lines, markdown, summary_lines
from ...bench.result import BenchResult, Trial, Verdict, write_result
from ...bench.running.environments import default_folder
from ...bench.running.peers import OURS, PEERS, QUICK, Peer, endpoint_peer, peers_named
from ...bench.running.run import Asked, Watcher, run_faults
from ...core.usage_error import UsageError
from ...testing.wire.formats import Wire
from ..exit_codes import ExitCode
from ..output import escaped
from ..streams import write_line
from .files import write_file, write_folder

SEEDS = {"quick": 1, "full": 2}
JOBS_A_PROCESSOR = {"quick": 7, "full": 16}
"""Most of a trial is silence; with more, the clients wait for each other, and their clocks see stalls."""

FAILURES_TOLD = 20


def run(args: argparse.Namespace) -> int:
    """Judge, print, and write files. Raises UsageError for what can not be; else 0, and 1 where --fail-on says so."""
    asked = _asked(args)
    fail_on = [_fail_on(word, asked.peers) for word in args.fail_on or ()]
    with _progress(len(asked.planned)) as watcher:
        result = trio.run(run_faults, asked, watcher)
    _print(result)
    if args.json is not None:
        write_file(args.json, write_result(result))
    if args.markdown is not None:
        write_file(args.markdown, markdown(result))
    if args.html is not None:
        write_file(args.html, write_faults_html(result))
    if args.llmd is not None:
        write_folder(args.llmd, llmd_of_faults(result))
    return _tell_failures(result, fail_on)


# -- what is asked for ------------------------------------------------------------------------------------------------


def _asked(args: argparse.Namespace) -> Asked:
    seeds = args.seeds if args.seeds is not None else SEEDS[args.profile]
    jobs = args.jobs if args.jobs is not None else JOBS_A_PROCESSOR[args.profile] * (os.cpu_count() or 1)
    for name, number, least in (("seeds", seeds, 1), ("jobs", jobs, 1), ("seed", args.seed, 0), ("port", args.port, 0)):
        if number is not None and number < least:
            raise UsageError(f"--{name} is {number}; expected at least {least}")
    wires = _wires(args.wires, (Wire.OPENAI,) if args.endpoint else WIRES)
    return Asked(
        profile=PROFILES[args.profile],
        peers=_peers(args, wires),
        faults=_faults(args.faults),
        wires=wires,
        seeds=tuple(range(args.seed, args.seed + seeds)),
        jobs=jobs,
        environments=default_folder() if args.environments is None else Path(args.environments),
        command=_command(),
        endpoint=_endpoint(args.endpoint) if args.endpoint else "",
        port=args.port or 0,
        key=_key(args.key_env),
    )


def _names(given: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(name.strip() for names in given or () for name in names.split(",") if name.strip())


def _peers(args: argparse.Namespace, wires: tuple[Wire, ...]) -> tuple[Peer, ...]:
    names = _names(args.peers)
    if args.endpoint:
        if names:
            raise UsageError("--peers beside --endpoint; expected one of them: an endpoint is read by one client")
        return (endpoint_peer(wires),)
    return peers_named(names or (QUICK if args.profile == "quick" else tuple(peer.name for peer in PEERS)))


def _faults(given: Sequence[str] | None) -> tuple[BenchFault, ...]:
    names = _names(given)
    known = {fault.name for fault in FAULTS} | {fault.group.lower() for fault in FAULTS}
    if unknown := [name for name in names if name.lower() not in known]:
        raise UsageError(f"no fault is named {unknown[0]!r}; expected {', '.join(fault.name for fault in FAULTS)}")
    asked = {name.lower() for name in names}
    return tuple(fault for fault in FAULTS if not names or {fault.name, fault.group.lower()} & asked)


def _wires(given: Sequence[str] | None, default: tuple[Wire, ...]) -> tuple[Wire, ...]:
    names = _names(given)
    if unknown := [name for name in names if name not in WIRES]:
        raise UsageError(f"no format is named {unknown[0]!r}; expected {', '.join(WIRES)}")
    return tuple(wire for wire in WIRES if wire in names) if names else default


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise UsageError("--endpoint is no address that can be asked; expected http://HOST:PORT, without a key in it")
    return url.rstrip("/").removesuffix("/v1")


def _key(variable: str | None) -> str:
    if variable is None:
        return ""
    if not (key := os.environ.get(variable, "")):
        raise UsageError(f"--key-env says {variable}, which is empty or not set; expected the variable with the key")
    return key


def _command() -> str:
    """Return the command as it was written: no argument of it holds a key."""
    return escaped(" ".join(["riverrun", *sys.argv[1:]]))


def _fail_on(given: str, peers: Sequence[Peer]) -> tuple[str, str]:
    peer, colon, word = given.rpartition(":")
    names = [each.name for each in peers]
    if not colon:
        peer = OURS if OURS in names else names[0]
    if peer not in ("*", *names):
        raise UsageError(f"--fail-on says {peer}, which is not judged; expected one of {', '.join(names)}, or *")
    word = word.lower().replace(" ", "-")
    if word not in failing_words():
        raise UsageError(f"--fail-on says {word!r}; expected one of {', '.join(failing_words())}")
    return peer, word


# -- what is told -----------------------------------------------------------------------------------------------------


def _print(result: BenchResult) -> None:
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    width = shutil.get_terminal_size().columns
    for line in (*grid_lines(result, width=width, plain=plain), "", *summary_lines(result)):
        write_line(line)
    for peer in result.peers:
        if peer.missing:
            write_line(escaped(f"{peer.name} could not be judged: {peer.missing}"))


def _tell_failures(result: BenchResult, fail_on: Sequence[tuple[str, str]]) -> ExitCode:
    code = ExitCode.DONE
    for peer, word in fail_on:
        missing = [row.name for row in result.peers if row.missing and peer in ("*", row.name)]
        found = failures(result, peer, word)
        for trial in found[:FAILURES_TOLD]:
            write_line(escaped(f"failed by {peer}:{word}: {_told(trial)}"))
        if found or missing:
            code = ExitCode.NO_ANSWER
            write_line(
                f"{peer}:{word} fails it: {len(found)} trials{', not judged: ' * bool(missing)}{' '.join(missing)}"
            )
    return code


def _told(trial: Trial) -> str:
    findings = f" ({', '.join(trial.findings)})" if trial.findings else ""
    said = f": {trial.said}" if trial.said else ""
    return f"{trial.peer} {trial.fault}@{trial.seed} {trial.wire}: {trial.verdict}{findings}{said}"


# -- progress ---------------------------------------------------------------------------------------------------------


@contextmanager
def _progress(trials: int) -> Generator[Watcher, None, None]:
    """Show how far a run is, on standard error and only to a person: by rich if it is here, plainly if not."""
    if not sys.stderr.isatty():
        yield Watcher(on_environment=_say_environment)
    elif importlib.util.find_spec("rich") is not None:
        with _rich_progress(trials) as watcher:
            yield watcher
    else:
        yield _plain_progress(trials)
        sys.stderr.write("\r" + " " * 60 + "\r")


def _say_environment(peer: Peer) -> None:
    sys.stderr.write(f"making the environment of {peer.name}\n")
    sys.stderr.flush()


def _plain_progress(trials: int) -> Watcher:
    done = 0

    def on_trial(_trial: Trial) -> None:
        nonlocal done
        done += 1
        sys.stderr.write(f"\rjudged {done} of {trials}")
        sys.stderr.flush()

    return Watcher(on_environment=_say_environment, on_trial=on_trial)


@contextmanager
def _rich_progress(trials: int) -> Generator[Watcher, None, None]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("judging", total=trials)
        wrong = 0

        def on_trial(trial: Trial) -> None:
            nonlocal wrong
            wrong += trial.verdict in (Verdict.FALSE_SUCCESS, Verdict.HANG)
            progress.update(task, advance=1, description=f"judging, {wrong} false or hung" if wrong else "judging")

        def on_environment(peer: Peer) -> None:
            progress.update(task, description=f"making the environment of {peer.name}")

        yield Watcher(on_environment=on_environment, on_trial=on_trial)
