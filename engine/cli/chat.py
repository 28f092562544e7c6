"""`riverrun chat`: one question from the command line and standard input, its answer on standard output."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import stat
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import BinaryIO

from ..core.messages import Message
from ..core.request import InferenceRequest
from ..core.usage_error import UsageError
from .answering import Asking, answer, open_provider
from .exit_codes import ExitCode
from .journal_file import JournalFile, Question, check_run_id
from .output import Printer
from .policy_options import policy_of

STDIN_NOTE_S = 1.0
"""How long standard input is read without a word."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def chat(args: argparse.Namespace) -> ExitCode:
    """Run the command. Raises UsageError for what can not be used; errors of the answer have been printed."""
    if args.run_id is not None and args.journal is None:
        raise UsageError("--run-id names a run in a journal; give --journal FILE too, or leave it out")
    if args.record_content and args.record is None:
        raise UsageError("--record-content says what may stand in a recording; give --record FILE too, or leave it out")
    if args.record == "":
        raise UsageError("--record is ''; expected the name of a new file")
    run_id = check_run_id(args.run_id) if args.run_id is not None else _new_run_id()
    policy, printer = policy_of(args), printer_of(args)
    question = Question(
        model=args.model,
        request=_request(args),
        base_url=args.base_url,
        api_key_env=check_variable(args.api_key_env),
        allow_insecure=args.allow_insecure,
        began_unix_s=time.time(),
    )
    provider = open_provider(question)
    journal = None if args.journal is None else JournalFile(args.journal)
    asking = Asking(
        question,
        provider,
        policy,
        run_id,
        journal,
        record=args.record,
        record_content=args.record_content,
        whole_only=args.whole_only,
    )
    return answer(asking, printer)


def _new_run_id() -> str:
    return f"chat-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def _request(args: argparse.Namespace) -> InferenceRequest:
    for name, text in (("the prompt", args.prompt), ("--system", args.system), ("--effort", args.effort)):
        _check_utf8(name, text)
    return InferenceRequest(
        (Message.user(read_prompt(args.prompt, may_read=not args.no_stdin)),),
        system=() if args.system is None else args.system,
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        reasoning_effort=args.effort,
    )


def _check_utf8(name: str, text: str | None) -> None:
    try:
        (text or "").encode("utf-8")
    except UnicodeEncodeError as error:  # Python keeps bytes that it can not decode as half characters
        raise UsageError(f"{name} is not UTF-8 at character {error.start}; expected UTF-8 text") from None


def check_variable(name: str | None) -> str | None:
    """Return the name of an environment variable. The message never repeats it: it may be a key, given by mistake."""
    if name is not None and not _VARIABLE.fullmatch(name):
        raise UsageError(
            "--api-key-env is not the name of an environment variable (letters, digits and _); expected the name, "
            "not the key itself"
        )
    return name


def printer_of(args: argparse.Namespace, chars_before: int = 0) -> Printer:
    """Return what shows the answer, of which so many characters were shown before."""
    return Printer(
        sys.stdout,
        sys.stderr,
        json_lines=args.json,
        show_reasoning=args.show_reasoning,
        quiet=args.quiet,
        chars_before=chars_before,
    )


# -- the prompt ---------------------------------------------------------------------------------------------------


def read_prompt(argument: str | None, *, may_read: bool = True) -> str:
    """Join the argument and what is piped in, a blank line between; "-" and nothing stand for standard input alone.

    `may_read`: whether standard input is looked at.

    Raises:
        UsageError: neither says anything, or standard input is not UTF-8.
    """
    given = "" if argument in (None, "-") else str(argument)
    piped = _read_stdin(must=not given) if may_read else ""
    prompt = "\n\n".join(part for part in (given, piped) if part.strip())
    if not prompt:
        raise UsageError(f"the prompt is empty; give it as an argument{' or on standard input' if may_read else ''}")
    return prompt


def _read_stdin(*, must: bool) -> str:
    source: BinaryIO | None = None if sys.stdin is None else sys.stdin.buffer
    if source is None or not (must or _is_piped(source)):
        return ""
    if source.isatty():
        sys.stderr.write("riverrun: type the prompt, then Ctrl-D\n")
    try:
        with nullcontext() if source.isatty() else _saying_that_it_waits():
            return source.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not UTF-8 at byte {error.start}; expected UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"standard input can not be read: {error.strerror}; give the prompt as an argument") from None


@contextmanager
def _saying_that_it_waits() -> Generator[None, None, None]:
    """Say what is waited for if it lasts: an open pipe that nobody writes to looks like a model that thinks."""
    words = "riverrun: reading standard input to its end (Ctrl-D ends it; --no-stdin or </dev/null leaves it out)\n"
    timer = threading.Timer(STDIN_NOTE_S, sys.stderr.write, [words])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _is_piped(source: BinaryIO) -> bool:
    """Whether standard input was given on purpose: a pipe or a file, no terminal, null device or service's socket."""
    try:
        mode = os.fstat(source.fileno()).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
