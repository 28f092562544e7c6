"""The arguments of `riverrun chaos`; what it needs is imported when it is run."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from ...core.validators import seen
from ..numbers import whole_number

if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers returns
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]

LISTEN = "127.0.0.1:9100"
"""Where it listens, unless told."""

EVENT_S = 0.02
"""Seconds between two events of an answer of its own: about as fast as a model of today."""

KINDS = (
    "reset",
    "half-close",
    "premature-end",
    "error",
    "overloaded",
    "failed-finish",
    "garbage",
    "stall",
    "slow",
    "drip",
    "pings",
    "comments",
    "slow-headers",
    "bad-event",
    "unknown-event",
    "duplicate-event",
    "empty-data",
    "status",
    "html",
    "html-error",
    "error-under-200",
    "connect-error",
    "refuse-prefill",
)
"""Every word of `bench.chaos.spelling.KINDS`."""

EXAMPLES = f"""\
Stands in front of an OpenAI-, Anthropic-, Gemini- or Ollama-compatible server, or alone with answers of its own, and
breaks answers where a fault says so. Everything else passes byte for byte. Point any client's base URL at it, in any
language. No key is kept or shown.

a fault is KIND[@PLACE][:ARGUMENT][%ODDS][#TIMES]; what each kind does stands in docs/chaos.md:
  KIND      a status (429, 529 …), or one of
            {", ".join(KINDS[:7])},
            {", ".join(KINDS[7:14])},
            {", ".join(KINDS[14:])}
  PLACE     120tok (tokens, about 4 characters each), 2ev (events), 3kb (bytes), 50% (of an answer of its own), end, 0
  ARGUMENT  a time (250ms, 30s, 2m) or a status (529), as the kind takes it
  ODDS      percent of the requests, drawn with --seed; TIMES: how often at most
Several are tried in their order, and each request gets the first that is drawn.

examples:
  riverrun chaos --fault stall@120tok:30s                             alone; OPENAI_BASE_URL=http://{LISTEN}/v1
  riverrun chaos --upstream https://api.openai.com --fault reset@3kb%25 --seed 7
  riverrun chaos --upstream https://api.anthropic.com --fault 429:5s#1 --fault error@2ev:529#1
  riverrun chaos --upstream http://127.0.0.1:11434 --fault slow@0:250ms --fault pings@10ev
  riverrun chaos --listen 127.0.0.1:0 --json | jq .                   one event a line; the first says the port
  curl -X PUT {LISTEN}/_chaos/faults -d '{{"fault": "half-close@10ev"}}'   while it runs

exit codes:
  2    the command can not work as written: a fault or an address that is none, a port that is in use
  5    standard output could not be written: a full disk, a closed stream
  130  ended by Ctrl-C, after a summary; 143 terminated; 141 whoever read standard output went away
"""


def add_chaos_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `chaos`; its namespace holds `command`, from the namespace to the exit code."""
    parser = commands.add_parser(
        "chaos",
        help="break a model's answers on purpose, for any client",
        description="A fault proxy for answers of language models.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fault", action="append", default=[], metavar="FAULT", help="a fault; repeatable")
    parser.add_argument("--seed", type=whole_number, default=0, metavar="N", help="the dice (default 0)")
    parser.add_argument("--upstream", metavar="URL", help="pass requests on to this server (default: answer alone)")
    parser.add_argument("--listen", default=LISTEN, metavar="HOST:PORT", help=f"default {LISTEN}; port 0: any")
    parser.add_argument(
        "--event-s", type=_seconds, default=EVENT_S, metavar="S",
        help=f"seconds between events of an answer of its own (default {EVENT_S})",
    )  # fmt: skip
    shown = parser.add_argument_group("what is shown")
    shown.add_argument("--json", action="store_true", help="one event a line on standard output, as JSON")
    shown.add_argument("--plain", action="store_true", help="lines instead of a live table")
    who = parser.add_argument_group("who may use it")
    who.add_argument("--allow-remote", action="store_true", help="let --listen be reached from other machines")
    who.add_argument(
        "--allow-remote-control", action="store_true", help="let other machines use the control endpoint, too"
    )
    who.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name that requests may have as their Host"
    )
    who.add_argument("--allow-insecure", action="store_true", help="allow http:// to an upstream on another machine")
    parser.set_defaults(command=_run)


def _run(args: argparse.Namespace) -> int:
    from .command import run

    return run(args)


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{seen(word)}; expected a number of seconds from 0 to 60")
    return seconds
