"""The command `riverrun`: one command is run, and what it raises becomes an exit code here and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..core.usage_error import RiverrunError
from .exits import ExitCode, complaint_of
from .options import build_parser
from .output import silence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; --help and bad usage exit by themselves, as argparse does."""
    try:
        args = build_parser().parse_args(argv)
        return int(args.command(args))
    except RiverrunError as error:
        complaint = complaint_of(error)
        sys.stderr.write(complaint.lines)
        return int(complaint.exit_code)
    except BrokenPipeError:
        silence(sys.stdout)
        return int(ExitCode.BROKEN_PIPE)
    except KeyboardInterrupt:  # while reading the prompt, say: from the first request on, `answering` listens itself
        sys.stderr.write("riverrun: interrupted before anything was asked\n")
        return int(ExitCode.INTERRUPTED)
