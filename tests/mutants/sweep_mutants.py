"""Sweeps each planted bug until it is caught: `python -m tests.mutants.sweep_mutants [NAME…] [--seeds N] [--json]`.

A bug is caught by the first seed whose run breaks the law that the bug is said to break. `--record` writes the seeds to
`caught.json`, which the tests run, and the table to `docs/testing.md`.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import trio
from attrs import asdict, frozen

from riverrun.engine.testing.law import Law, Violation
from riverrun.engine.testing.simulator.generate import scenario_of
from riverrun.engine.testing.simulator.runner import Outcome, simulate_alone, simulate_each
from tests.mutants.patching import Mutant, plant
from tests.mutants.planted import MUTANTS

CAUGHT = Path(__file__).parent / "caught.json"
DOCS = Path(__file__).parents[2] / "docs" / "testing.md"
SEEN_CHARS = 90
BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"
CHUNK = 200
"""How many seeds are run at once: most mutants are caught among the first hundred."""


@frozen
class Catch:
    """The first seed that caught a mutant, and what was seen; no seed: it was not caught."""

    seed: int | None = None
    seen: str = ""


def catch(mutant: Mutant, seeds: int) -> Catch:
    """Sweep one mutant's seeds, from 0 on, until it is caught."""
    for at in range(0, seeds, CHUNK):
        for seed in _suspects(mutant, range(at, min(at + CHUNK, seeds))):
            if (violation := broken_by(mutant, seed)) is not None:
                return Catch(seed, _shortened(violation.message))
    return Catch()


def _shortened(said: str) -> str:
    short = " ".join(said.split())
    return short if len(short) <= SEEN_CHARS else f"{short[: SEEN_CHARS - 1]}…"


def broken_by(mutant: Mutant, seed: int) -> Violation | None:
    """Run one seed alone with the bug; the first break of its law, if there is one."""
    with plant(mutant), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = _run(mutant, seed)
        return next((violation for violation in outcome.broken if violation.law == mutant.law), None)


def _run(mutant: Mutant, seed: int) -> Outcome:
    outcome = simulate_alone(scenario_of(seed, mutant.level))
    if mutant.law is Law.DETERMINISM and simulate_alone(scenario_of(seed, mutant.level)).log_hash != outcome.log_hash:
        said = Violation(Law.DETERMINISM, "the same scenario was another run")
        return Outcome(outcome.scenario, outcome.log, (said,), outcome.reached)
    return outcome


def _suspects(mutant: Mutant, seeds: range) -> Iterator[int]:
    """Give the seeds that may have caught it: many at once are quick, but share a loop, and its fate."""
    seen: list[Outcome] = []
    try:
        with plant(mutant), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            simulate_each((scenario_of(seed, mutant.level) for seed in seeds), seen.append)
    except (Exception, trio.Cancelled, BaseExceptionGroup):  # it took the loop down: one by one
        yield from seeds
        return
    broken = [outcome.scenario.seed for outcome in seen if any(v.law == mutant.law for v in outcome.broken)]
    yield from seeds if mutant.law is Law.DETERMINISM else sorted(broken)


# -- what was caught ----------------------------------------------------------------------------------------------


def recorded() -> dict[str, Catch]:
    """What caught each mutant when its seeds were swept last."""
    return {name: Catch(**row) for name, row in json.loads(CAUGHT.read_text("utf-8")).items()}


def record(catches: Mapping[str, Catch]) -> None:
    """Write down what was caught, beside what is known of the others, and put the table into docs/testing.md."""
    known = {**recorded(), **catches}
    caught = {mutant.name: known[mutant.name] for mutant in MUTANTS if mutant.name in known}
    rows = {name: asdict(one) for name, one in caught.items()}
    CAUGHT.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
    before, _, rest = DOCS.read_text("utf-8").partition(BEGIN)
    DOCS.write_text(f"{before}{BEGIN}\n\n{table_of(caught)}\n\n{END}{rest.partition(END)[2]}", "utf-8")


def table_of(catches: Mapping[str, Catch]) -> str:
    """Write the table as Markdown."""
    rows = ["| mutant | law | what was planted | first seed | what the sweep said |", "| --- | --- | --- | --- | --- |"]
    for mutant in (mutant for mutant in MUTANTS if mutant.name in catches):
        one = catches[mutant.name]
        level = "" if mutant.level == "events" else f" ({mutant.level})"
        seed = "not caught" if one.seed is None else f"{one.seed}{level}"
        seen = one.seen.replace("`", "'").replace("|", "/")
        rows.append(f"| {mutant.name} | {mutant.law} | {mutant.planted} | {seed} | `{seen}` |")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 if a mutant was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.sweep_mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="which mutants; all without")
    parser.add_argument("--seeds", type=int, default=10_000, help="how many seeds each may take")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--record", action="store_true", help="write caught.json, and the table in docs/testing.md")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"no mutant is called {', '.join(sorted(unknown))}")
    catches: dict[str, Catch] = {}
    for mutant in MUTANTS:
        if not options.names or mutant.name in options.names:
            catches[mutant.name] = catch(mutant, options.seeds)
            print(f"{mutant.name}: {catches[mutant.name].seed}", file=sys.stderr, flush=True)
    rows = {name: asdict(one) for name, one in catches.items()}
    print(json.dumps(rows, indent=1, ensure_ascii=False) if options.json else table_of(catches))
    if options.record:
        record(catches)
    return int(any(one.seed is None for one in catches.values()))


if __name__ == "__main__":
    sys.exit(main())
