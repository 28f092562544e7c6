"""Standard output: written at once or not at all, and silenced once it broke. Imports no dependency."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import suppress
from typing import TextIO

from .exit_codes import OutputFailed, ReaderGone


def can_go_live() -> bool:
    """Whether there is a terminal that can redraw, and rich to do it."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and importlib.util.find_spec("rich") is not None


def silence(stream: TextIO) -> None:
    """Send what is buffered of a stream that broke, and all that is still written to it, nowhere.

    Otherwise the interpreter tries once more when it exits, and complains.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def write_out(text: str) -> None:
    """Write to standard output, and have it out of our hands on return.

    Raises:
        ReaderGone: whoever read it has closed it.
        OutputFailed: it takes no more.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
        raise ReaderGone from None
    except OSError as error:
        silence(sys.stdout)
        raise OutputFailed(f"standard output: {error.strerror or error}") from error


def write_line(line: str) -> None:
    """Write a line to standard output; see `write_out`."""
    write_out(f"{line}\n")
