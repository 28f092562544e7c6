"""What an error is to whoever typed the command: lines that say what went wrong and what to do, and an exit code."""

from __future__ import annotations

from attrs import frozen

from ..core import errors
from ..core.printable import printable
from ..core.usage_error import KeyUnusable, RiverrunError, UsageError
from ..stores.store import StaleFence
from .exit_codes import ExitCode, OutputFailed, RecordingFailed, SayItHere
from .messages import in_flags

MESSAGE_CHARS_MAX = 2000
"""How much of a message is shown: provider text in it was cut to 200 characters already, paths and lists were not."""


class RunDamaged(errors.StoreError):
    """One run of a journal can not be read; the others can."""


@frozen
class Complaint:
    """What an error is to whoever typed the command. `kind` is one or two words; `remedy` is what to do."""

    kind: str
    message: str
    remedy: str
    exit_code: ExitCode

    @property
    def lines(self) -> str:
        """What stands on stderr: what went wrong on one line, and what to do on the next."""
        return f"riverrun: {self.kind}: {self.message}\nriverrun: what to do: {self.remedy}\n"


_HELP = "see: riverrun --help"

_KINDS: dict[type, tuple[str, ExitCode, str]] = {
    KeyUnusable: ("key", ExitCode.KEY, "put the key into that variable, or name another one: --api-key-env NAME"),
    errors.CheckpointMismatch: ("usage", ExitCode.USAGE, "take another --run-id, or go on with: riverrun resume"),
    UsageError: ("usage", ExitCode.USAGE, _HELP),
    RunDamaged: ("journal", ExitCode.STORE, "ask again under another --run-id; the journal's other runs are untouched"),
    StaleFence: ("journal", ExitCode.STORE, "another process has taken this run over; leave it to that one"),
    errors.StoreError: ("journal", ExitCode.STORE, "see to the journal file, or leave out --journal"),
    errors.QuotaExhausted: ("quota", ExitCode.KEY, "see to the account's billing and limits; waiting does not help"),
    errors.Unauthorized: ("unauthorized", ExitCode.KEY, "check the key and what it may do"),
    errors.ModelNotFound: ("model not found", ExitCode.NO_ANSWER, "check the model's name and --base-url"),
    errors.ContextOverflow: ("context overflow", ExitCode.NO_ANSWER, "shorten the prompt, or take a larger model"),
    errors.ContentFiltered: ("content filtered", ExitCode.NO_ANSWER, "word the prompt differently"),
    errors.InvalidRequest: ("invalid request", ExitCode.NO_ANSWER, "change what the provider objects to"),
    errors.RateLimited: ("rate limited", ExitCode.NO_ANSWER, "wait, then try again, or allow more --attempts"),
    errors.Overloaded: ("overloaded", ExitCode.NO_ANSWER, "try again later, or allow more --attempts"),
    errors.InferenceTimeout: ("timeout", ExitCode.NO_ANSWER, "check the network and --base-url, then try again"),
    errors.StreamInterrupted: ("interrupted", ExitCode.NO_ANSWER, "try again, or allow more --attempts"),
    errors.ProviderError: ("provider", ExitCode.NO_ANSWER, "check the network and --base-url, then try again"),
    errors.InferenceError: ("no answer", ExitCode.NO_ANSWER, "try again"),
    RecordingFailed: ("recording", ExitCode.OUTPUT, "record again: the file holds a part, which can not be replayed"),
    OutputFailed: ("output", ExitCode.OUTPUT, "make room, or write elsewhere"),
}


_ANY = ("error", ExitCode.NO_ANSWER, "try again")


def complaint_of(error: RiverrunError, command: str = "") -> Complaint:
    """Say what an error means here, by the nearest of its classes that is known. `command` names whose help helps."""
    kind, exit_code, remedy = next((_KINDS[known] for known in type(error).__mro__ if known in _KINDS), _ANY)
    if command and remedy == _HELP:
        remedy = f"see: riverrun {command} --help"
    wait_s = error.retry_after_s if isinstance(error, errors.InferenceError) else None
    if wait_s is not None:
        remedy = f"{remedy}; the provider asks for {wait_s:g} s"
    if isinstance(error, SayItHere):
        return Complaint(kind, printable(str(error), MESSAGE_CHARS_MAX), error.remedy, exit_code)
    message = in_flags(error) if isinstance(error, UsageError) else str(error)
    return Complaint(kind, printable(message, MESSAGE_CHARS_MAX), remedy, exit_code)
