"""The arguments of `riverrun simulate`; the simulator is imported when it is run, and for no other command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .defaults import RUNS

if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers returns
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]

LEVELS = ("events", "bytes")
"""Every key of `testing.worlds.WORLDS`."""

EXAMPLES = f"""\
examples:
  riverrun simulate                                     {RUNS} runs, about 20 seconds on two processors
  riverrun simulate --runs 100000 --seed 7 --jobs 2
  riverrun simulate --runs 1000 --level bytes           through the HTTP client, without sockets
  riverrun simulate --planner plans:careful             try a planner of your own, in ./plans.py
  riverrun simulate --scenario riverrun-seed-42.json    one scenario, told line by line
  riverrun simulate --json | jq .failed

A sweep of {RUNS} runs and more fails too if it never reached one of the rare states it counts.

exit codes:
  0    every law held
  1    a law was broken, or a rare state was never reached
  2    the command can not work as written
  5    standard output, or a failing scenario, could not be written: a full disk, a closed stream
  130  interrupted by Ctrl-C; 143 terminated; 141 whoever read standard output went away
"""


def add_simulate_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `simulate`; its namespace holds `command`, from the namespace to the exit code."""
    parser = commands.add_parser(
        "simulate",
        help="break thousands of simulated answers and check the laws; no key, no network",
        description="Run the engine against a simulated provider, store and consumer, and check the laws.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, metavar="N", help=f"how many runs (default {RUNS})")
    parser.add_argument("--seed", type=int, metavar="S", help="the first seed (default 0)")
    parser.add_argument("--jobs", type=int, metavar="J", help="processes (default: one for each processor)")
    parser.add_argument("--level", choices=LEVELS, help="what is simulated (default events)")
    parser.add_argument(
        "--planner",
        metavar="NAME",
        help="default, or module:function, found from here too; beside --scenario, instead of the planner in the file, "
        "which is never imported without",
    )
    parser.add_argument("--scenario", metavar="FILE", help="play this one scenario instead, and tell its story")
    parser.add_argument("--save", metavar="DIR", help="where failing scenarios are written (default .)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.set_defaults(command=_run)


def _run(args: argparse.Namespace) -> int:
    from .command import run

    return run(args)
