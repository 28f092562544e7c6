"""A run of the fault benchmark as text: a grid for a terminal, and the same as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median

from ..result import BenchResult, FaultRow, PeerRow, Trial, Verdict
from .summary import MEANINGS, Cell, cells_of, groups_of

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

NAME_WIDTH, CELL_WIDTH, WIDTH_MIN = 26, 14, 80
NOT_TO_WIN = "*"
"""Stands behind the name of a fault that nobody can win, where it is said why."""


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
        for group, faults in groups_of(result.faults).items():
            yield group
            for _, fault in faults:
                yield _line(f"  {_fault_name(fault)}", (_cell(cells.get((p.name, fault.name)), icons) for p in shown))
        yield ""
    yield from _legend(icons, any(fault.cannot_win for fault in result.faults))


def _line(name: str, cells: Iterable[str]) -> str:
    return f"{name:<{NAME_WIDTH}}" + "".join(f"{cell:<{CELL_WIDTH}}" for cell in cells).rstrip()


def _fault_name(fault: FaultRow) -> str:
    return f"{fault.name} {NOT_TO_WIN}" if "*" in fault.cannot_win else fault.name


def _cell(cell: Cell | None, icons: Mapping[Verdict, str]) -> str:
    """Say the worst verdict, and where they differ how many of the trials were exact."""
    if cell is None:
        return "-"
    exact = sum(trial.verdict is Verdict.EXACT for trial in cell.trials)
    share = f" {exact}/{len(cell.trials)}" if 0 < exact < len(cell.trials) else ""
    return f"{icons[cell.worst]} {WORDS[cell.worst]}{share}"


def _legend(icons: Mapping[Verdict, str], has_unwinnable: bool) -> Iterator[str]:
    for verdict, says in MEANINGS.items():
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
    for group, faults in groups_of(result.faults).items():
        yield from _row([f"**{group}**", *("" for _ in peers)])
        for _, fault in faults:
            name = f"`{fault.name}`" + (r" \*" if "*" in fault.cannot_win else "")
            yield from _row([name, *(_cell(cells.get((peer.name, fault.name)), ICONS) for peer in peers)])


def _row(cells: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"
