"""The command `riverrun`: one command is run, and what it raises becomes an exit code here and nowhere else.

It imports neither trio nor httpx, attrs or cattrs: a command that needs them imports them when it is run.
"""

from __future__ import annotations

import io
import sys
import warnings
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

from ..core.usage_error import RiverrunError
from .exit_codes import ExitCode, OutputFailed, ReaderGone
from .options import build_parser
from .streams import write_out
from .termination import Termination

_Known = RiverrunError | KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; --help and bad usage exit by themselves, as argparse does."""
    name = ""
    with Termination() as termination:
        try:
            args = _parse(argv)
            name = args.name
            _check_streams()
            return int(args.command(args))
        except BaseException as error:
            known = _known(error)
            if known is None:
                raise
            return int(_ended(known, name, termination))


def _parse(argv: Sequence[str] | None) -> Namespace:
    try:
        return build_parser().parse_args(argv)
    except SystemExit:
        if sys.stdout is not None:
            write_out("")  # the help may be on its way to a full disk
        raise


def _check_streams() -> None:
    """Raise OutputFailed where a stream is closed (Python has None for it); a reader's encoding may lack characters."""
    for name, stream in (("standard output", sys.stdout), ("standard error", sys.stderr)):
        if stream is None:
            raise OutputFailed(f"{name} is closed; expected it to be open")
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


# -- how it ended -------------------------------------------------------------------------------------------------


def _known(error: BaseException) -> _Known | None:
    """Return what of ours was raised, alone or in a group of trio's; None where something else was, too."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        inside = [_known(each) for each in group.exceptions]
        return None if None in inside else inside[0]
    return error if isinstance(error, RiverrunError | KeyboardInterrupt) else None


def _ended(error: _Known, name: str, termination: Termination) -> ExitCode:
    if isinstance(error, ReaderGone):
        return ExitCode.BROKEN_PIPE
    if isinstance(error, RiverrunError):
        from .complaint import complaint_of  # knows every error, and so imports what errors are made of

        complaint = complaint_of(error, name)
        _say(complaint.lines)
        return complaint.exit_code
    # It may have hit trio between making a task and starting it; Python would name the task when it is dropped.
    warnings.filterwarnings("ignore", r"coroutine .* was never awaited", RuntimeWarning)
    # While reading the prompt, say: from the first request on, `answering` listens itself.
    where = " before anything was asked" if name in ("chat", "resume") else ""
    _say(f"riverrun: {'terminated' if termination.is_heard else 'interrupted'}{where}\n")
    return ExitCode.TERMINATED if termination.is_heard else ExitCode.INTERRUPTED


def _say(lines: str) -> None:
    with suppress(OSError):  # nobody is left to tell
        if sys.stderr is not None:
            sys.stderr.write(lines)
            sys.stderr.flush()
