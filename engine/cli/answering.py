"""One answer on the command line: an engine, a printer and the signals, from the question to an exit code.

What was received is printed before anything is said about it, and a run with a journal never ends early without saying
how to go on with it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext, suppress
from typing import TypeVarTuple

import trio
from attrs import frozen

from ...providers.error_table.table import refusal_words
from ..core.errors import InferenceError, StoreError, Unauthorized
from ..core.policy import Policy
from ..core.printable import printable
from ..core.provider import Provider
from ..core.result import StreamResult
from ..core.usage_error import KeyUnusable, RiverrunError, UsageError
from ..engine import Engine
from ..http.transport import Transport
from ..recording.recorder import Recorder
from ..run.run import Run
from ..stores.store import StaleFence
from .complaint import MESSAGE_CHARS_MAX, complaint_of
from .exit_codes import ExitCode, OutputFailed, ReaderGone, RecordingFailed
from .journal_file import JournalFile, Question
from .output import ENDS_BY_ITSELF, Printer
from .shell import option, shell_word

_SIGNALS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
_Arguments = TypeVarTuple("_Arguments")


def open_provider(question: Question) -> Provider:
    """Make the provider a question goes to.

    Raises:
        KeyUnusable: the key is missing or malformed.
        UsageError: no such provider, or its address can not be used.
    """
    from ...providers.by_name import from_name  # costs every provider's module: only where one is asked

    options: dict[str, object] = {"base_url": question.base_url, "api_key_env": question.api_key_env}
    options = {name: value for name, value in options.items() if value is not None}
    if question.api_key_env is not None and not os.environ.get(question.api_key_env):  # on this machine, too
        raise KeyUnusable(f"{question.api_key_env} is not set in the environment; expected the key in it")
    if question.allow_insecure:
        options["allow_insecure"] = True
    return from_name(question.model, **options)


@frozen
class Asking:
    """What is asked, of whom, and how patiently. `run_id` names the run in `journal`, where there is one.

    `record` names a file for a recording; `record_content` lets texts stand in it. `whole_only`: an answer that did not
    end by itself has an exit code of its own. `command` is the one that asks.
    """

    question: Question
    provider: Provider
    policy: Policy
    run_id: str
    journal: JournalFile | None = None
    deliver_from: int = 0
    record: str | None = None
    record_content: bool = False
    whole_only: bool = False
    command: str = "chat"

    def open_recorder(self) -> AbstractContextManager[Recorder | None]:
        """Make the file of the recording, if there is to be one. Raises UsageError."""
        if self.record is None:
            return nullcontext()
        return Recorder(
            self.record,
            self.provider,
            self.question.request,
            policy=self.policy,
            with_content=self.record_content,
            words=refusal_words(),
        )

    @property
    def resume_command(self) -> str | None:
        """The command that goes on with this run in another process; None without a journal."""
        if self.journal is None:
            return None
        words = ["riverrun resume", shell_word(self.run_id), option("--journal", self.journal.path)]
        question = self.question  # said here once, and so offered; a file that says it is not enough
        words += [option("--base-url", question.base_url)] if question.base_url is not None else []
        words += [option("--api-key-env", question.api_key_env)] if question.api_key_env is not None else []
        words += ["--allow-insecure"] if question.allow_insecure else []
        return " ".join(words)


def _shown(text: str) -> str:
    return printable(text, MESSAGE_CHARS_MAX)


def answer(asking: Asking, printer: Printer) -> ExitCode:
    """Ask, print the answer, and return the exit code; errors have been printed then."""
    return trio.run(_Answering(asking, printer).run)


class _Answering:
    """The state of one answer: the run once it is open, whether it can be resumed, and the signal that ended it."""

    def __init__(self, asking: Asking, printer: Printer) -> None:
        self._asking = asking
        self._printer = printer
        self._scope = trio.CancelScope()
        self._run: Run | None = None
        self._heard: signal.Signals | None = None
        self._is_stored = False
        self._is_recorded = False
        self._recording_failed: RecordingFailed | None = None

    async def run(self) -> ExitCode:
        """Answer while listening to signals. If cancelled: the run is left, its checkpoint kept."""
        # Whoever started us may have said that a signal is not for us: `nohup`, or a script's `&`.
        heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        with trio.open_signal_receiver(*heard) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, signals)
                exit_code = await self._answer_and_close()
                nursery.cancel_scope.cancel(reason="the answer has ended")
        return exit_code

    async def _listen(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            for known in _SIGNALS.keys() & {signal.SIGTERM, number}:
                signal.signal(known, signal.SIG_DFL)  # a second one kills at once, whatever hangs
            self._heard = signal.Signals(number)
            if self._run is None:
                self._scope.cancel(reason=f"{self._heard.name} before the run was open")
            else:
                self._run.pause()

    async def _answer_and_close(self) -> ExitCode:
        async with AsyncExitStack() as stack:
            if self._asking.journal is not None:
                stack.push_async_callback(self._asking.journal.aclose)
            try:
                return await self._conclude(await self._answer())
            except ReaderGone:
                self._printer.silence_out()
                return ExitCode.BROKEN_PIPE
            except RiverrunError as error:
                return await self._complain(error)

    # -- the answer -----------------------------------------------------------------------------------------------

    async def _answer(self) -> StreamResult | None:
        """Ask and show; None if a signal came before the run was open."""
        failed: RiverrunError | None = None
        result: StreamResult | None = None
        opening = self._asking.open_recorder()
        try:
            with opening as recorder:
                self._is_recorded = recorder is not None
                try:
                    result = await self._ask(None if recorder is None else recorder.transport)
                except RiverrunError as error:  # kept, for a recording that fails, too, would else go unsaid
                    failed = error
        except UsageError as error:
            self._recording_failed = RecordingFailed(str(error))
        if failed is not None:
            raise failed
        return result

    async def _ask(self, transport: Transport | None) -> StreamResult | None:
        asking = self._asking
        engine = Engine(asking.provider, policy=asking.policy, store=asking.journal, transport=transport)
        with self._scope:
            if asking.journal is not None:
                await self._print(self._printer.note, f"run {asking.run_id}, journal {_shown(asking.journal.path)}")
                await asking.journal.keep_question(asking.run_id, asking.question)
                self._is_stored = True
            opening = engine.open_stream(
                asking.question.request, run_id=asking.run_id, deliver_from=asking.deliver_from
            )
            async with opening as run:
                self._run = run
                self._check_offset(len(run.snapshot().text))
                await self._show(run)
            return run.result
        return None

    def _check_offset(self, stored: int) -> None:
        if self._asking.deliver_from > stored:
            raise UsageError(
                f"--from-char is {self._asking.deliver_from}; expected at most {stored}, which are stored: did the "
                "answer begin anew meanwhile, or were bytes counted? Leave --from-char out, and write the whole answer "
                "to a new file"
            )

    async def _show(self, run: Run) -> None:
        while True:
            try:
                events = await run.receive_many()
            except trio.EndOfChannel:
                return
            await self._print(self._printer.show, events)

    async def _print(self, show: Callable[[*_Arguments], None], *arguments: *_Arguments) -> None:
        """Print in a thread: a reader who takes no more must stop neither the clocks nor the signals."""
        try:
            await trio.to_thread.run_sync(show, *arguments)
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            self._printer.silence_out()
            raise OutputFailed(f"standard output: {error.strerror or error}") from error

    # -- the end --------------------------------------------------------------------------------------------------

    async def _note_recording(self) -> None:
        if self._recording_failed is not None:
            await self._print(self._printer.say, complaint_of(self._recording_failed).lines)
        elif self._is_recorded:
            await self._print(self._printer.note, f"recorded in {_shown(self._asking.record or '')}")

    async def _conclude(self, result: StreamResult | None) -> ExitCode:
        await self._note_recording()
        if self._heard is not None and (result is None or result.is_partial):
            await self._print(self._printer.say, self._interruption(self._heard))
            return _SIGNALS[self._heard]
        if self._asking.journal is not None:
            try:
                await self._asking.journal.forget_run(self._asking.run_id)
            except StoreError as error:
                words = f"riverrun: the answer is whole, its journal remains: {_shown(str(error))}\n"
                await self._print(self._printer.say, words)
        return self._code_of_end(result)

    def _code_of_end(self, result: StreamResult | None) -> ExitCode:
        if self._recording_failed is not None:
            return ExitCode.OUTPUT
        is_enough = not self._asking.whole_only or (result is not None and result.stop_reason in ENDS_BY_ITSELF)
        return ExitCode.DONE if is_enough else ExitCode.NOT_WHOLE

    async def _complain(self, error: RiverrunError) -> ExitCode:
        complaint = complaint_of(error, self._asking.command)
        lines = complaint.lines
        if await self._is_forgotten(error):
            lines += "riverrun: nothing was received and the same question can not succeed: its journal is deleted\n"
        elif not isinstance(error, UsageError | StaleFence):  # what another process goes on with is not ours
            lines += self._how_to_resume()
        with suppress(RiverrunError):
            await self._note_recording()
            await self._print(self._printer.say, lines)
        return complaint.exit_code

    async def _is_forgotten(self, error: RiverrunError) -> bool:
        """Delete the run if nothing can be resumed: a dead entry would stand in the way of `resume` without an id."""
        journal = self._asking.journal
        if journal is None or isinstance(error, Unauthorized) or not isinstance(error, InferenceError):
            return False
        if error.is_retryable or self._received():
            return False
        with suppress(StoreError):
            await journal.forget_run(self._asking.run_id)
            return True
        return False

    def _received(self) -> int:
        return 0 if self._run is None else len(self._run.snapshot().text)

    def _interruption(self, heard: signal.Signals) -> str:
        attempts = 0 if self._run is None else len(self._run.attempts)
        counted = f"{self._received()} characters received in {attempts} attempt{'s' if attempts != 1 else ''}"
        return f"riverrun: interrupted ({heard.name}): {counted}\n{self._how_to_resume()}"

    def _how_to_resume(self) -> str:
        command = self._asking.resume_command
        if command is not None and self._is_stored:
            return f"riverrun: go on with: {command}\n"
        if command is None and self._received():
            return "riverrun: what was received stands above; with --journal FILE it could be resumed\n"
        return ""
