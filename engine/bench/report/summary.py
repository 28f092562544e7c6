"""The numbers that a report of the fault benchmark tells: what its trials come to, by cell and by client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, frozen

from ..result import BenchResult, FaultRow, PeerRow, Trial, Verdict

VERDICTS = tuple(Verdict)
"""In the order in which they are told."""

MEANINGS: Mapping[Verdict, str] = {
    Verdict.EXACT: "the whole answer to the letter, each call once",
    Verdict.PARTIAL: "a part, or words too many, and it says so",
    Verdict.CLEAN_ERROR: "an error, and not a word of the answer",
    Verdict.FALSE_SUCCESS: "told as a success, and it is not the answer",
    Verdict.HANG: "no end within the trial's time; it was cut",
}

SEVERITY = (Verdict.EXACT, Verdict.CLEAN_ERROR, Verdict.PARTIAL, Verdict.HANG, Verdict.FALSE_SUCCESS)
"""From what costs a reader least: an error is asked again, a hang is seen, a false success is not."""


@frozen
class Cell:
    """What one client did under one fault, over all wire formats and seeds."""

    trials: tuple[Trial, ...]

    @property
    def worst(self) -> Verdict:
        """The verdict of its trials that costs a reader most."""
        return max((trial.verdict for trial in self.trials), key=SEVERITY.index)

    @property
    def share(self) -> str:
        """How many trials had the worst verdict, where not all had: "2 of 6"; else ""."""
        count = sum(trial.verdict is self.worst for trial in self.trials)
        return "" if count == len(self.trials) else f"{count} of {len(self.trials)}"

    @property
    def is_exact(self) -> bool:
        """Whether every trial was exact."""
        return self.worst is Verdict.EXACT


def cells_of(result: BenchResult) -> dict[tuple[str, str], Cell]:
    """Return the cells that have trials, by client and fault."""
    told: dict[tuple[str, str], list[Trial]] = {}
    for trial in result.trials:
        told.setdefault((trial.peer, trial.fault), []).append(trial)
    return {key: Cell(tuple(trials)) for key, trials in told.items()}


@frozen
class Spread:
    """The median of some numbers, and between which of them nine of ten lie."""

    median: float
    low: float
    high: float


def spread_of(values: Iterable[float | None]) -> Spread | None:
    """Return the spread of what was measured; None where nothing was."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return None
    low, median, high = (ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (0.05, 0.5, 0.95))
    return Spread(median, low, high)


@frozen
class PeerSummary:
    """What one client did in all: trials by verdict, and how many faults it was exact under in every trial."""

    peer: PeerRow
    trials: tuple[Trial, ...]
    verdicts: Mapping[Verdict, int]
    faults_exact: int

    def total(self, field: str) -> int:
        """Add up a count of its trials."""
        return sum(int(getattr(trial, field)) for trial in self.trials)


def summaries_of(result: BenchResult) -> list[PeerSummary]:
    """Return the summary of each client that has trials, in the order of the result."""
    cells = cells_of(result)
    told = ((peer, [cells[peer.name, fault.name] for fault in _run_of(peer, result, cells)]) for peer in result.peers)
    return [_summary(peer, every) for peer, every in told if every]


def _run_of(peer: PeerRow, result: BenchResult, cells: Mapping[tuple[str, str], Cell]) -> list[FaultRow]:
    return [fault for fault in result.faults if (peer.name, fault.name) in cells]


def _summary(peer: PeerRow, cells: Sequence[Cell]) -> PeerSummary:
    trials = tuple(trial for cell in cells for trial in cell.trials)
    verdicts = Counter(trial.verdict for trial in trials)
    return PeerSummary(peer, trials, verdicts, sum(cell.is_exact for cell in cells))


def cannot_win(fault: FaultRow, peer: str) -> str:
    """Return why this client can not be exact under this fault; "" if it can."""
    return fault.cannot_win.get(peer) or fault.cannot_win.get("*", "")


def groups_of(faults: Iterable[FaultRow]) -> dict[str, list[tuple[int, FaultRow]]]:
    """Return the faults by their headings, each with its place in the result."""
    told: dict[str, list[tuple[int, FaultRow]]] = {}
    for number, fault in enumerate(faults):
        told.setdefault(fault.group, []).append((number, fault))
    return told


def bounded(result: BenchResult, moments_max: int) -> BenchResult:
    """Leave the logs of later seeds out, once so many moments are kept: a page has to open on a phone."""
    kept, moments = set[int](), 0
    for number, trial in sorted(enumerate(result.trials), key=lambda each: (each[1].seed, each[0])):
        moments += len(trial.moments)
        if moments > moments_max:
            break
        kept.add(number)
    trials = (t if number in kept else evolve(t, moments=()) for number, t in enumerate(result.trials))
    return evolve(result, trials=tuple(trials))
