"""The arguments of `riverrun bench faults`; the benchmark is imported when it is run, and for no other command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .defaults import FAULT_WIRES, PEERS, PROFILES

if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers returns
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]

_EPILOG = f"""\
Asks each client for answers that a server on this machine breaks, over real sockets, and judges what its caller was
given and told: exact, partial and told so, an error, a false success, or a hang. Clients: {", ".join(PEERS)},
or a file *.py with an adapter of your own. All but the first two get an environment of their own, made by pip in a
cache folder; what can not be installed is told, and left out.

examples:
  riverrun bench faults                                       riverrun and bare httpx, in about a minute
  riverrun bench faults --profile full --html faults.html     every client, with silences as long as they are
  riverrun bench faults --peers riverrun,openai --faults stall,reset --wires openai
  riverrun bench faults --peers mine.py                       a client of yours
  riverrun bench faults --peers riverrun --fail-on inexact    for CI: fails where it should be exact, and is not
  riverrun bench faults --port 9200 --endpoint http://127.0.0.1:4000
                                                              a gateway, whose upstream is http://127.0.0.1:9200/v1

exit codes:
  0    judged
  1    something failed it (--fail-on)
  2    the command can not work as written
  5    standard output, or a file, could not be written
  130  interrupted by Ctrl-C; 143 terminated; 141 whoever read standard output went away
"""


def add_faults_parser(kinds: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `bench faults`; its namespace holds `command`, from the namespace to the exit code."""
    parser = kinds.add_parser(
        "faults",
        help="what clients do with broken streams, over real sockets",
        description="Judge what clients do with broken streams, over real sockets.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_selection(parser)
    _add_output(parser)
    parser.add_argument("--endpoint", metavar="URL", help="judge a gateway instead, read by bare httpx")
    parser.add_argument("--port", type=int, metavar="N", help="where the fault server listens (default: any free port)")
    parser.add_argument("--key-env", metavar="NAME", help="the variable with the key of the endpoint")
    parser.add_argument("--environments", metavar="DIR", help="the clients' environments (default: the cache folder)")
    parser.add_argument(
        "--jobs", type=int, metavar="J", help="trials at once (default: 7 for each processor; full: 16)"
    )
    parser.set_defaults(command=_run)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", choices=PROFILES, default="quick", help="how long silences are (default quick)")
    parser.add_argument("--peers", action="append", metavar="A,B", help="clients (quick: riverrun,httpx; full: all)")
    parser.add_argument("--faults", action="append", metavar="A,B", help="faults or groups of them (default: all)")
    parser.add_argument(
        "--wires", action="append", metavar="A,B", help=f"wire formats (default: all of {', '.join(FAULT_WIRES)})"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="answers a cell (quick: 1; full: 2)")
    parser.add_argument("--seed", type=int, metavar="S", default=0, help="the first of them (default 0)")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write the result there, with both logs of each trial")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables there")
    parser.add_argument("--html", metavar="FILE", help="write the report there, one file that needs no network")
    parser.add_argument("--llmd", metavar="DIR", help="write each client there as a benchmark report of llm-d")
    parser.add_argument(
        "--fail-on",
        action="append",
        metavar="[CLIENT:]WORD",
        help="exit with 1 where a client (default: the first; * is all) has this verdict or finding: inexact, "
        "false-success, partial, clean-error, hang, lied, lost, doubled, invented, call-lost, call-doubled, call-half",
    )


def _run(args: argparse.Namespace) -> int:
    from .faults import run

    return run(args)
