"""A run of the fault benchmark as text: a grid for a terminal, and the same as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from statistics import median

from .result import BenchResult, FaultRow, Finding, PeerRow, Trial, Verdict

ICONS: Mapping[Verdict, str] = {
    Verdict.EXACT: "✓",
    Verdict.PARTIAL: "◐",
    Verdict.CLEAN_ERROR: "○",
    Verdict.FALSE_SUCCESS: "✗",
    Verdict.HANG: "∞",
}
PLAIN_ICONS: Mapping[Verdict, str] = {
    Verdict.EXACT: "+",
    Verdict.PARTIAL: "~",
    Verdict.CLEAN_ERROR: "o",
    Verdict.FALSE_SUCCESS: "x",
    Verdict.HANG: "!",
}
"""For terminals without these characters."""

WORDS: Mapping[Verdict, str] = {
    Verdict.EXACT: "exact",
    Verdict.PARTIAL: "partial",
    Verdict.CLEAN_ERROR: "error",
    Verdict.FALSE_SUCCESS: "false",
    Verdict.HANG: "hang",
}

_LEGEND: Mapping[Verdict, str] = {
    Verdict.EXACT: "the whole answer to the letter, each call once, told as a success",
    Verdict.PARTIAL: "a part of it, told to be no whole answer",
    Verdict.CLEAN_ERROR: "an error, and not a word of the answer",
    Verdict.FALSE_SUCCESS: "told as a success, and it is not the answer",
    Verdict.HANG: "no end; cut",
}

SEVERITY: Mapping[Verdict, int] = {
    Verdict.EXACT: 0,
    Verdict.CLEAN_ERROR: 1,
    Verdict.PARTIAL: 2,
    Verdict.HANG: 3,
    Verdict.FALSE_SUCCESS: 4,
}
"""From what costs a reader least: an error is asked again, a hang is seen, a false success is not."""

NAME_WIDTH, CELL_WIDTH, WIDTH_MIN = 26, 14, 80
NOT_TO_WIN = "*"
"""Stands behind the name of a fault that nobody can win, where it is said why."""

Cells = Mapping[tuple[str, str], Sequence[Trial]]


def cells_of(result: BenchResult) -> Cells:
    """Return the trials of each fault and client."""
    cells: dict[tuple[str, str], list[Trial]] = {}
    for trial in result.trials:
        cells.setdefault((trial.fault, trial.peer), []).append(trial)
    return cells


def worst(trials: Iterable[Trial]) -> Verdict:
    """Return the verdict that costs a reader most."""
    return max((trial.verdict for trial in trials), key=SEVERITY.__getitem__)


def judged_peers(result: BenchResult) -> list[PeerRow]:
    """Return the clients that have trials."""
    named = {trial.peer for trial in result.trials}
    return [peer for peer in result.peers if peer.name in named]


# -- on a terminal ----------------------------------------------------------------------------------------------------


def grid_lines(result: BenchResult, *, width: int = WIDTH_MIN, plain: bool = False) -> Iterator[str]:
    """Give the grid: a row a fault, a column a client, as many columns side by side as the terminal has room for."""
    cells, icons = cells_of(result), PLAIN_ICONS if plain else ICONS
    peers = judged_peers(result)
    columns = max((max(width, WIDTH_MIN) - NAME_WIDTH) // CELL_WIDTH, 1)
    for start in range(0, len(peers), columns):
        shown = peers[start : start + columns]
        yield _line("", (peer.name for peer in shown))
        for group, faults in _groups(result.faults):
            yield group
            for fault in faults:
                yield _line(
                    f"  {_fault_name(fault)}", (_cell(cells.get((fault.name, p.name), ()), icons) for p in shown)
                )
        yield ""
    yield from _legend(icons, any(fault.cannot_win for fault in result.faults))


def _line(name: str, cells: Iterable[str]) -> str:
    return f"{name:<{NAME_WIDTH}}" + "".join(f"{cell:<{CELL_WIDTH}}" for cell in cells).rstrip()


def _fault_name(fault: FaultRow) -> str:
    return f"{fault.name} {NOT_TO_WIN}" if "*" in fault.cannot_win else fault.name


def _cell(trials: Sequence[Trial], icons: Mapping[Verdict, str]) -> str:
    """Say the worst verdict, and where they differ how many of the trials were exact."""
    if not trials:
        return "-"
    verdict = worst(trials)
    exact = sum(trial.verdict is Verdict.EXACT for trial in trials)
    share = f" {exact}/{len(trials)}" if 0 < exact < len(trials) else ""
    return f"{icons[verdict]} {WORDS[verdict]}{share}"


def _groups(faults: Sequence[FaultRow]) -> Iterator[tuple[str, list[FaultRow]]]:
    for group in dict.fromkeys(fault.group for fault in faults):
        yield group, [fault for fault in faults if fault.group == group]


def _legend(icons: Mapping[Verdict, str], has_unwinnable: bool) -> Iterator[str]:
    for verdict, says in _LEGEND.items():
        yield f"{icons[verdict]} {WORDS[verdict]}: {says}"
    yield "The worst of all formats and seeds; 3/5: exact in 3 of 5."
    if has_unwinnable:
        yield f"{NOT_TO_WIN} one provider can not win it; an error is the best end (docs/benchmark.md)"


def summary_lines(result: BenchResult) -> Iterator[str]:
    """Give the sums: a row a number, a column a client."""
    peers = judged_peers(result)
    by_peer = {peer.name: [trial for trial in result.trials if trial.peer == peer.name] for peer in peers}
    yield _line("", (peer.name for peer in peers))
    for name, count in SUMS.items():
        yield _line(name, (count(by_peer[peer.name]) for peer in peers))


def _verdicts(verdict: Verdict) -> Callable[[Sequence[Trial]], str]:
    return lambda trials: str(sum(trial.verdict is verdict for trial in trials))


def _median(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.2f}" if known else "-"


SUMS: Mapping[str, Callable[[Sequence[Trial]], str]] = {
    "trials": lambda trials: str(len(trials)),
    "exact": _verdicts(Verdict.EXACT),
    "partial, told so": _verdicts(Verdict.PARTIAL),
    "clean error": _verdicts(Verdict.CLEAN_ERROR),
    "false success": _verdicts(Verdict.FALSE_SUCCESS),
    "hang": _verdicts(Verdict.HANG),
    "characters doubled": lambda trials: str(sum(trial.chars_doubled for trial in trials)),
    "calls half or doubled": lambda trials: str(sum(trial.calls_half + trial.calls_doubled for trial in trials)),
    "tokens paid twice": lambda trials: str(sum(trial.tokens_twice for trial in trials)),
    "requests": lambda trials: str(sum(trial.requests for trial in trials)),
    "detection, median s": lambda trials: _median(trial.detection_s for trial in trials),
    "recovery, median s": lambda trials: _median(trial.recovery_s for trial in trials),
}
"""What is summed up of a client's trials."""


# -- as Markdown ------------------------------------------------------------------------------------------------------


def markdown(result: BenchResult) -> str:
    """Return the run as Markdown: the sums, the grid, and what it was measured with."""
    return "\n".join([*_markdown_lines(result), ""])


def _markdown_lines(result: BenchResult) -> Iterator[str]:
    peers = judged_peers(result)
    by_peer = {peer.name: [trial for trial in result.trials if trial.peer == peer.name] for peer in peers}
    yield f"`{result.command}`, {result.started_at}; seeds {', '.join(map(str, result.seeds))}."
    yield ", ".join(f"{name} {value}" for name, value in result.environment.items()) + "."
    yield ""
    yield from _row(["", *(f"{peer.name} {peer.version}" for peer in peers)])
    yield from _row(["---", *("---:" for _ in peers)])
    for name, count in SUMS.items():
        yield from _row([name, *(count(by_peer[peer.name]) for peer in peers)])
    yield ""
    yield from _markdown_grid(result, peers)
    for peer in result.peers:
        if peer.missing:
            yield f"\n{peer.name} could not be judged: {peer.missing}"


def _markdown_grid(result: BenchResult, peers: Sequence[PeerRow]) -> Iterator[str]:
    cells = cells_of(result)
    yield from _row(["fault", *(peer.name for peer in peers)])
    yield from _row(["---", *("---" for _ in peers)])
    for group, faults in _groups(result.faults):
        yield from _row([f"**{group}**", *("" for _ in peers)])
        for fault in faults:
            name = f"`{fault.name}`" + (r" \*" if "*" in fault.cannot_win else "")
            yield from _row([name, *(_cell(cells.get((fault.name, peer.name), ()), ICONS) for peer in peers)])


def _row(cells: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


# -- what fails a run -------------------------------------------------------------------------------------------------


INEXACT = "inexact"
_SAID_ANYWHERE = (Verdict.FALSE_SUCCESS, Verdict.HANG)


def failing_words() -> dict[str, Callable[[Trial], bool]]:
    """Return what a run can be failed on, by its word: a verdict, a finding, or anything that is not exact."""
    words: dict[str, Callable[[Trial], bool]] = {INEXACT: lambda trial: trial.verdict is not Verdict.EXACT}
    for verdict in Verdict:
        if verdict is not Verdict.EXACT:
            words[verdict.value.replace(" ", "-")] = partial(_has_verdict, verdict)
    for finding in Finding:
        words[finding.name.lower().replace("_", "-")] = partial(_has_finding, finding)
    return words


def _has_verdict(verdict: Verdict, trial: Trial) -> bool:
    return trial.verdict is verdict


def _has_finding(finding: Finding, trial: Trial) -> bool:
    return finding in trial.findings


def failures(result: BenchResult, peer: str, word: str) -> list[Trial]:
    """Return the trials of a client that a word fails; "*" is every client.

    Where nobody can win, an error or a part that is told as one is no failure.
    """
    fails = failing_words()[word]
    faults = {fault.name: fault.cannot_win for fault in result.faults}
    return [
        trial
        for trial in result.trials
        if peer in ("*", trial.peer)
        and fails(trial)
        and (trial.verdict in _SAID_ANYWHERE or not {"*", trial.peer} & faults[trial.fault].keys())
    ]
