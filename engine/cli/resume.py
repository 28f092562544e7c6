"""`riverrun resume` and `riverrun runs`: what a journal holds, and going on with it."""

from __future__ import annotations

import argparse
import time
from contextlib import aclosing

import trio

from ..core.printable import printable
from ..core.usage_error import UsageError
from ..core.validators import is_whole_number, seen
from .answering import Asking, answer, open_provider
from .chat import printer_of
from .exit_codes import ExitCode
from .journal_file import JournalFile, Question, StoredRun
from .policy_options import policy_of
from .streams import write_line


def resume(args: argparse.Namespace) -> ExitCode:
    """Run the command. Raises UsageError and StoreError for what can not be found; later errors have been printed."""
    if args.from_char < 0 or not is_whole_number(args.from_char):
        raise UsageError(f"--from-char is {seen(args.from_char)}; expected the number of characters shown, 0 or more")
    from .said_here import question_to_ask  # costs every provider's module

    policy, printer = policy_of(args), printer_of(args, args.from_char)
    run_id, stored = trio.run(_find_question, args.journal, args.run)
    question = question_to_ask(stored, args, run_id)
    provider, journal = open_provider(question), JournalFile(args.journal)
    asking = Asking(
        question, provider, policy, run_id, journal, args.from_char, whole_only=args.whole_only, command="resume"
    )
    return answer(asking, printer)


async def _find_question(path: str, run_id: str | None) -> tuple[str, Question]:
    async with aclosing(JournalFile(path, must_exist=True)) as journal:
        return await journal.find_question(run_id)


def list_runs(args: argparse.Namespace) -> ExitCode:
    """Run the command. Raises UsageError and StoreError for a journal that can not be read."""
    runs = trio.run(_list_unfinished, args.journal)
    for run in runs:
        write_line(_line(run))
    return ExitCode.STORE if any(run.damage is not None for run in runs) else ExitCode.DONE


async def _list_unfinished(path: str) -> list[StoredRun]:
    async with aclosing(JournalFile(path, must_exist=True)) as journal:
        return await journal.list_unfinished()


def _line(run: StoredRun) -> str:
    chars = "?" if run.damage is not None else run.chars
    fields = [printable(run.run_id), printable(run.model), f"{chars} characters", _local_time(run.began_unix_s)]
    if run.damage is not None:
        fields.append(f"damaged, it can not be resumed: {printable(run.damage)}")
    elif run.question is None:
        fields.append("not from the command line: its own program resumes it")
    return "\t".join(fields)


def _local_time(unix_s: float) -> str:
    """Write a time of the file's; one that no calendar has, and none, is "?"."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_s)) if unix_s else "?"
    except (ValueError, OverflowError, OSError):
        return "?"
