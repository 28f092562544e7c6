"""How a command ends: its exit codes, and the errors of the command line's own. Imports no dependency."""

from __future__ import annotations

from enum import IntEnum

from ..core.usage_error import RiverrunError, UsageError


class ExitCode(IntEnum):
    """What the shell is told. The signals' codes are the shell's own convention, 128 + the signal's number."""

    DONE = 0
    NO_ANSWER = 1
    USAGE = 2
    KEY = 3
    STORE = 4
    OUTPUT = 5
    NOT_WHOLE = 6
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


EXIT_CODES = """\
exit codes:
  0    the answer has ended in order: by itself or, as stderr then says, by a ceiling, a filter, a refusal or a call
       (a script can tell by --whole-only, or by "stop_reason" in the last line of --json)
  1    the answer could not be had: the provider or the network; what was received has been printed
  2    the command can not work as written
  3    the key: missing, malformed, refused, without permission or quota
  4    the journal: can not be read or written, or another process took the run over
  5    standard output, or the recording, could not be written: a full disk, a closed stream
  6    with --whole-only: the answer was printed, and did not end by itself
  130  interrupted by Ctrl-C        143  terminated (SIGTERM)
  141  whoever read standard output went away (… | head)
After 1, 3, 4, 5, 130, 141, 143 and a kill, `riverrun resume` goes on with a run that has a journal."""


class SayItHere(UsageError):
    """A file says what only this command may: where a key goes, or what is imported. `remedy` holds a whole command."""

    remedy: str = "say it on the command line"

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class OutputFailed(RiverrunError):
    """Standard output took no more of the answer."""


class RecordingFailed(OutputFailed):
    """The file of a recording took not all of it. Nothing is wrong with the answer."""


class ReaderGone(OutputFailed):
    """Whoever read standard output has closed it: nobody is left to tell, and nothing is wrong."""
