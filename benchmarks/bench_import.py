"""What importing costs, each in a process of its own: the dependencies, a program's first line, everything, the help.

    python benchmarks/bench_import.py
    python benchmarks/bench_import.py --rounds 20 --json

The floor is the import of the four dependencies that a program could name (trio, httpx, attrs, cattrs). Processor time,
of the import alone; an interpreter's own start is in none of the rows. All is compiled beforehand, ours as an installer
compiles the dependencies: PYTHONDONTWRITEBYTECODE is not handed on. Which modules are loaded is a test
(`tests/test_facade.py`): this is how long it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence

from report import best_and_median, machine, table, verdict

FLOOR = "the four dependencies"
LINES = {
    FLOOR: "import trio, httpx, attrs, cattrs",
    "import riverrun": "import riverrun",
    "riverrun --help": "from riverrun.engine.cli.options import build_parser; build_parser().format_help()",
    "Engine and Anthropic": "from riverrun import Anthropic, Engine",
    "an engine, made": "from riverrun import Anthropic, Engine; Engine(Anthropic('m', api_key='k'))",
    "every name of riverrun": "import riverrun; [getattr(riverrun, name) for name in riverrun.__all__]",
}
TARGETS = {"Engine and Anthropic": 1.5, "riverrun --help": 0.5}
"""At most, in imports of the four dependencies."""


def measure(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each line, the rounds interleaved."""
    figures: dict[str, list[float]] = {name: [] for name in LINES}
    for _ in range(rounds + 1):
        for name, line in LINES.items():
            figures[name].append(_cpu_ms(line))
    return {name: each[1:] for name, each in figures.items()}  # the first may have compiled


def _cpu_ms(line: str) -> float:
    script = f"import time; began = time.process_time()\n{line}\nprint(1000 * (time.process_time() - began))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", script]
    return float(subprocess.run(command, capture_output=True, check=True, env=environment).stdout)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="how often each is imported (default 10)")
    parser.add_argument("--json", action="store_true", help="print every round as JSON and nothing else")
    options = parser.parse_args(arguments)
    figures = measure(options.rounds)
    if options.json:
        print(json.dumps(figures))
        return
    floor = best_and_median(figures[FLOOR])[0]
    rows = [
        [name, *(f"{value:.0f}" for value in best_and_median(each)), f"{min(each) / floor:.2f}"]
        for name, each in figures.items()
    ]
    print(machine(), table(["importing", "best ms", "median ms", "best / floor"], rows), sep="\n\n", end="\n\n")
    for name, most in TARGETS.items():
        print(verdict(f"{name}, in imports of its dependencies", min(figures[name]) / floor, most))


if __name__ == "__main__":
    main()
