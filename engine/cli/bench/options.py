"""The arguments of `riverrun bench`; the kit is imported when it is run, and for no other command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .defaults import ANSWERS, CONTINUES, TRACES, WORDS
from .faults_options import add_faults_parser

if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers returns
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]

_BENCH = """\
examples:
  riverrun bench stalls                                  the default policy, beside clients and clocks as they are usual
  riverrun bench stalls mine.toml --trace heavy-tail
  riverrun bench faults                                  what clients do with broken streams, over real sockets
"""

_STALLS = f"""\
Plays answers whose words come at a stated pace, with stated odds of trouble, to your policies and to usual clients, in
virtual time, and says what each did: how many arrived, how long a reader waited, what was given up for nothing, and
what was paid twice. A policy is a TOML or JSON file, or module:attribute.

  [stall]                                  the names are those of riverrun.Policy
  idle_s = 10

examples:
  riverrun bench stalls                                  {ANSWERS} answers a row, in about half a minute
  riverrun bench stalls mine.toml plans:eager --trace heavy-tail --trace thinking
  riverrun bench stalls mine.toml --recordings taken/    gaps of your own: what `chat --record` wrote
  riverrun bench stalls --dies 0 --goes-silent 0 --slows 0 --ends-early 0      what is given up for nothing
  riverrun bench stalls mine.toml --json today.json
  riverrun bench stalls mine.toml --html report.html     the same as pictures, in one file
  riverrun bench stalls --compare last.json today.json   what got worse beyond the spread
  riverrun bench stalls mine.toml --ratchet last.json    for CI: fails if anything did

exit codes:
  0    measured
  1    something got worse (--compare, --ratchet)
  2    the command can not work as written
  5    standard output, or a file, could not be written
  130  interrupted by Ctrl-C; 143 terminated; 141 whoever read standard output went away
"""


def add_bench_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `bench`; its namespace holds `command`, from the namespace to the exit code."""
    parser = commands.add_parser(
        "bench",
        help="measure how stalls are handled; no key, no network",
        epilog=_BENCH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(title="benchmarks", metavar="WHAT", dest="what", required=True)
    stalls = kinds.add_parser(
        "stalls",
        help="what a policy does to answers that stall, in virtual time",
        description="Measure what a policy does to answers that stall, in virtual time.",
        epilog=_STALLS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_world(stalls)
    stalls.add_argument("policies", nargs="*", metavar="POLICY", help="a TOML or JSON file, or module:attribute")
    stalls.add_argument("--only", action="store_true", help="the given policies, without the usual ones beside them")
    stalls.add_argument("--jobs", type=int, metavar="J", help="processes (default: one for each processor)")
    stalls.add_argument("--json", metavar="FILE", help="write the measurement there, too")
    stalls.add_argument("--html", metavar="FILE", help="write a report with pictures there: one file, for any browser")
    stalls.add_argument("--llmd", metavar="DIR", help="write each row there as a benchmark report of llm-d")
    stalls.add_argument("--ratchet", metavar="FILE", help="fail if anything is worse than in this measurement")
    stalls.add_argument("--compare", nargs=2, metavar=("OLD", "NEW"), help="measure nothing; compare two measurements")
    stalls.set_defaults(command=_run)
    add_faults_parser(kinds)


def _add_world(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trace", action="append", choices=TRACES, help="how words come (default: all of them)")
    parser.add_argument("--recordings", metavar="DIR", help="gaps of the recordings in this folder, as a further trace")
    parser.add_argument("--continues", choices=CONTINUES, help="how the provider goes on (default quote)")
    parser.add_argument("--answers", type=int, metavar="N", help=f"answers a row (default {ANSWERS})")
    parser.add_argument("--words", type=int, metavar="N", help=f"words an answer (default {WORDS})")
    parser.add_argument("--seed", type=int, metavar="S", help="the same gives the same numbers (default 0)")
    for name, says in (
        ("dies", "odds that an answer dies in silence"),
        ("goes-silent", "odds that it is silent for a while"),
        ("slows", "odds that it slows down"),
        ("ends-early", "odds that it ends early"),
    ):
        parser.add_argument(f"--{name}", type=float, metavar="P", help=says)
    parser.add_argument("--silent-s", type=float, metavar="S", help="how long it is silent (default 15)")
    parser.add_argument("--slow-factor", type=float, metavar="X", help="how many times slower (default 30)")


def _run(args: argparse.Namespace) -> int:
    from .stalls import run

    return run(args)
