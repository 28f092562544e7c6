"""`riverrun chat`: one question from the command line and standard input, its answer on standard output."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import stat
import sys
import time
from typing import BinaryIO

from ..core.messages import Message
from ..core.policy import CheckpointPolicy, Policy, RetryPolicy, StallPolicy
from ..core.request import InferenceRequest
from ..core.usage_error import UsageError
from .answering import Asking, answer, open_provider
from .exits import ExitCode
from .journal_file import JournalFile, Question, check_run_id
from .output import Printer

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def chat(args: argparse.Namespace) -> ExitCode:
    """Run the command. Raises UsageError for what can not be used; errors of the answer have been printed."""
    if args.run_id is not None and args.journal is None:
        raise UsageError("--run-id names a run in a journal; give --journal FILE too, or leave it out")
    if args.record_content and args.record is None:
        raise UsageError("--record-content says what may stand in a recording; give --record FILE too, or leave it out")
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
    return InferenceRequest(
        (Message.user(read_prompt(args.prompt)),),
        system=() if args.system is None else args.system,
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        reasoning_effort=args.effort,
    )


def check_variable(name: str | None) -> str | None:
    """Return the name of an environment variable. The message never repeats it: it may be a key, given by mistake."""
    if name is not None and not _VARIABLE.fullmatch(name):
        raise UsageError(
            "--api-key-env is not the name of an environment variable (letters, digits and _); expected the name, "
            "not the key itself"
        )
    return name


def policy_of(args: argparse.Namespace) -> Policy:
    """Return the patience asked for; with a journal, nothing is shown that is not stored (`--from-char` counts on it).

    Raises:
        UsageError: a number out of its range.
    """
    retry = RetryPolicy() if args.attempts is None else RetryPolicy(attempts_max=args.attempts)
    stall = StallPolicy() if args.idle_s is None else StallPolicy(idle_s=args.idle_s)
    return Policy(retry=retry, stall=stall, checkpoint=CheckpointPolicy(before_delivery=True))


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


def read_prompt(argument: str | None) -> str:
    """Join the argument and what is piped in, a blank line between; "-" and nothing stand for standard input alone.

    Raises:
        UsageError: neither says anything, or standard input is not UTF-8.
    """
    given = "" if argument in (None, "-") else str(argument)
    piped = _read_stdin(must=not given)
    prompt = "\n\n".join(part for part in (given, piped) if part.strip())
    if not prompt:
        raise UsageError("the prompt is empty; give it as an argument or on standard input")
    return prompt


def _read_stdin(*, must: bool) -> str:
    source: BinaryIO | None = None if sys.stdin is None else sys.stdin.buffer
    if source is None or not (must or _is_piped(source)):
        return ""
    if source.isatty():
        sys.stderr.write("riverrun: type the prompt, then Ctrl-D\n")
    try:
        return source.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not UTF-8 at byte {error.start}; expected UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"standard input can not be read: {error.strerror}; give the prompt as an argument") from None


def _is_piped(source: BinaryIO) -> bool:
    """Whether standard input was given on purpose: a pipe or a file, no terminal, null device or service's socket."""
    try:
        mode = os.fstat(source.fileno()).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
