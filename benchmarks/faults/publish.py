"""Make the published files of runs of `riverrun bench faults --json`: one result, small enough to keep, and its tables.

    python benchmarks/faults/publish.py full.json [again.json …] --out benchmarks/faults

A later file replaces the trials that an earlier one has of the same client, fault, format and seed. Timelines are kept
only where a trial was not exact, of the first seed, and without the words that were read.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

from attrs import evolve

from riverrun.engine.bench.judging.judge import Cell
from riverrun.engine.bench.report.table import markdown
from riverrun.engine.bench.result import BenchResult, Moment, Trial, Verdict, read_result, write_result

WORDY = ("text", "reasoning")


def joined(results: list[BenchResult]) -> BenchResult:
    """Return the first result with the trials that later ones have in their place."""
    cells: dict[Cell, Trial] = {}
    versions = {peer.name: peer for peer in results[0].peers}
    for result in results:
        cells.update({Cell(trial.peer, trial.fault, trial.wire, trial.seed): trial for trial in result.trials})
        for peer in result.peers:
            assert versions[peer.name].version == peer.version, "runs of other versions are other runs"
    return evolve(results[0], trials=tuple(cells.values()))


def smaller(trial: Trial, first_seed: int) -> Trial:
    """Return a trial without what the tables do not need."""
    if trial.verdict is Verdict.EXACT or trial.seed != first_seed:
        return evolve(trial, moments=())
    return evolve(trial, moments=tuple(map(without_words, trial.moments)))


def without_words(moment: Moment) -> Moment:
    """Return a moment with the number of its characters in place of what was said."""
    return evolve(moment, words=f"{len(moment.words)} characters") if moment.kind in WORDY else moment


def main() -> None:
    """Write `full.json.gz` and `full.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args()
    whole = joined([read_result(path.read_bytes()) for path in args.results])
    kept = evolve(whole, trials=tuple(smaller(trial, whole.seeds[0]) for trial in whole.trials))
    data = write_result(kept).encode()
    (args.out / "full.json.gz").write_bytes(gzip.compress(data, mtime=0))
    (args.out / "full.md").write_text(markdown(whole), encoding="utf-8")
    print(f"{len(whole.trials)} trials, {len(data):,} bytes, {(args.out / 'full.json.gz').stat().st_size:,} compressed")


if __name__ == "__main__":
    main()
