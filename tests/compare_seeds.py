"""Compares simulated runs with those of another commit, seed for seed: what was shown, stored, asked, planned, and how
it ended.

    python -m tests.compare_seeds REV [--events 3000] [--bytes 1000]

Both commits run in processes of their own, from a worktree each; the marks of their logs are compared, and the first
seeds that differ are named. For whoever changes the structure and means no more than that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

MARKS = """
import json, sys, zlib
from riverrun.engine.testing.simulator.generate import scenario_of
from riverrun.engine.testing.simulator.runner import simulate_each

def mark(outcome):
    lines = sorted(json.dumps(entry) for entry in outcome.log)  # in which order tasks ran is nobody's promise
    return [zlib.crc32("".join(lines).encode()), sorted(violation.law for violation in outcome.broken)]

marks = []
level, seeds = sys.argv[1], int(sys.argv[2])
simulate_each((scenario_of(seed, level) for seed in range(seeds)), lambda outcome: marks.append(mark(outcome)))
print(json.dumps(marks))
"""


def marks_of(checkout: Path, level: str, seeds: int) -> list[object]:
    """Run seeds in a process of their own, with the library of that checkout."""
    command = [sys.executable, "-c", MARKS, level, str(seeds)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=checkout, env={"PYTHONPATH": str(checkout / "src")}
    )
    marks: list[object] = json.loads(done.stdout)
    return marks


def main() -> int:
    """Compare; 0 if all are equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rev", help="the commit to compare this checkout with")
    parser.add_argument("--events", type=int, default=3000, help="seeds at the level of events")
    parser.add_argument("--bytes", type=int, default=1000, help="seeds at the level of bytes")
    asked = parser.parse_args()
    differ = False
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--detach", str(before), asked.rev], cwd=ROOT, check=True)  # noqa: S607
        try:
            for level, seeds in (("events", asked.events), ("bytes", asked.bytes)):
                pairs = zip(marks_of(before, level, seeds), marks_of(ROOT, level, seeds), strict=True)
                unequal = [seed for seed, (old, new) in enumerate(pairs) if old != new]
                print(f"{level}: {seeds - len(unequal)} of {seeds} seeds are equal", unequal[:20] or "")
                differ = differ or bool(unequal)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(before)], cwd=ROOT, check=True)  # noqa: S607
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
