"""The arguments of `riverrun demo`; what it needs is imported when it is run.

What is said here again, of the kit and of the show, would load all of it for every command if it were imported.
"""

from __future__ import annotations

import argparse
from math import inf, isinf, isnan

from ...core.validators import seen
from ..numbers import whole_number

SEED = 3
"""`demo.SHOW_SEED`."""

SPEED_MIN = 0.01
"""The slowest show: a quarter of an hour for each wire format."""

FAULTS = (
    "reset",
    "half-close",
    "stall",
    "premature-end",
    "overloaded",
    "drip",
    "pings",
    "garbage",
    "status",
    "html",
    "refuse-prefill",
)
"""Every word of `testing.script.faults.SERVER_WORDS`."""

WIRES = ("anthropic", "openai")
"""Every key of `demo_show.MODELS`."""

EXAMPLES = """\
examples:
  riverrun demo                          the show, about 15 seconds
  riverrun demo --wire openai            one wire format only
  riverrun demo --fault stall --fault reset
  riverrun demo --seed 12 --speed max    another schedule, as fast as it goes
  riverrun demo --plain                  lines instead of panels (also when stdout is no terminal)
  riverrun demo --json | jq .holds       the story and the verdict as JSON

exit codes:
  0    riverrun gave the whole answer, letter for letter, in its stream and in its result
  1    it did not
  5    standard output could not be written: a full disk, a closed stream
  130  interrupted by Ctrl-C; 143 terminated; 141 whoever read standard output went away
"""


def add_demo_parser(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],  # pyright: ignore[reportPrivateUsage]
) -> None:
    """Register `demo`; its namespace holds `run` (also as `command`), from the namespace to the exit code."""
    parser = subparsers.add_parser(
        "demo",
        help="see an answer survive resets, stalls and overloads; no key, no network",
        description="Play the same answer and the same faults to a plain client and to riverrun, side by side.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=whole_number, default=SEED, metavar="N", help=f"the dice (default {SEED})")
    parser.add_argument(
        "--fault",
        type=_kind,
        action="append",
        metavar="KIND",
        help=f"a fault, in order; repeatable: {', '.join(FAULTS)}",
    )
    parser.add_argument("--wire", choices=WIRES, help="one wire format (default: both)")
    parser.add_argument(
        "--speed", type=_speed, metavar="X", help="1 is readable; higher is faster; max or 0 is without delays"
    )
    parser.add_argument("--plain", action="store_true", help="print lines instead of live panels")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.set_defaults(run=_run, command=_run)


def _run(args: argparse.Namespace) -> int:
    from .command import run

    return run(args)


def _kind(word: str) -> str:
    kind = word.lower().replace("_", "-")
    if kind not in FAULTS:
        raise argparse.ArgumentTypeError(f"{word!r} is no fault; expected one of {', '.join(FAULTS)}")
    return kind


def _speed(word: str) -> float:
    try:
        speed = inf if word == "max" else float(word)
    except ValueError:
        speed = -1.0
    if (
        isnan(speed)
        or (isinf(speed) and any(character.isdigit() for character in word))
        or (speed < SPEED_MIN and speed != 0)
    ):
        raise argparse.ArgumentTypeError(
            f"{seen(word)} is no speed; expected 0, max, or a number of at least {SPEED_MIN}"
        )
    return speed or inf
