"""What a person or a program sees of an answer: text (or JSON lines) on stdout, notes on stderr.

Rules:
- Where stdout is not a terminal it gets the text and nothing else, character for character. What counts no longer is
  taken back where stdout is a file; elsewhere a line break stands between.
- On a terminal, control characters of the model's are shown as escapes: an answer can not move the cursor, retitle a
  window or turn the direction of writing.
- Everything here blocks as long as its reader does, so it is called from a worker thread.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TextIO

from ..core.causes import ResumedFromCheckpoint
from ..core.codec import unstructure
from ..core.events import (
    Event,
    Finished,
    Interrupted,
    ReasoningDelta,
    Resumed,
    RetryScheduled,
    Status,
    StreamReset,
    TextDelta,
    ToolCallCancel,
    ToolCallReady,
)
from ..core.planner import (
    ContinueText,
    Reattach,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
)
from ..core.printable import printable
from ..core.result import StreamResult
from ..core.stop import StopReason
from .output_file import OutputFile
from .streams import silence

ARGUMENTS_CHARS_MAX = 200
"""How much of a tool call's arguments a note shows."""

ENDS_BY_ITSELF = (StopReason.END_TURN, StopReason.STOP_SEQUENCE)
"""The stop reasons that need no words: the model had no more to say, or said what it was told to stop at."""

_TURNS_DIRECTION = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROL = {
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"},
    **{code: f"\\u{code:04x}" for code in _TURNS_DIRECTION},
}


def escaped(text: str) -> str:
    """Return text of several lines with its control characters as escapes; line breaks and tabs stay."""
    return text.translate(_CONTROL)


def plan_words(plan: RecoveryPlan) -> str:
    """Say a plan in a few words."""
    match plan:
        case Reattach():
            return "re-attach to the same answer"
        case SynthesizeToolUse():
            return "end here with the whole tool calls"
        case TruncateBeforeTool():
            return "drop the tool call under way and continue the text"
        case ContinueText():
            return "continue the text"
        case WholeRestart():
            return "ask again from the start"


class Printer:
    """Shows events as they come. Used by one thread at a time; raises what writing raises.

    `chars_before`: so many characters of the answer were printed elsewhere, by another process.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        *,
        json_lines: bool = False,
        show_reasoning: bool = False,
        quiet: bool = False,
        chars_before: int = 0,
    ) -> None:
        self._out = out
        self._file = OutputFile(out, err)
        self._chars_before = chars_before
        self._err = err
        self._json_lines = json_lines
        self._show_reasoning = show_reasoning
        self._quiet = quiet
        self._is_terminal = out.isatty()
        self._can_dim = err.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._in_line = False
        self._in_reasoning = False

    def show(self, events: Sequence[Event]) -> None:
        """Show events, and have them out of our hands on return."""
        for event in events:
            if self._json_lines:
                self._out.write(json.dumps(unstructure(event, Event), separators=(",", ":")) + "\n")
            elif isinstance(event, TextDelta):
                self._show_text(event.text)
            elif isinstance(event, ReasoningDelta):
                self._show_thought(event.text)
            if not self._json_lines:
                self._comment(event)
        self._out.flush()

    def silence_out(self) -> None:
        """Write nothing more to stdout: it broke."""
        silence(self._out)
        self._in_line = False

    def end_line(self) -> None:
        """End the line on a terminal, where the prompt of the shell comes next."""
        self._end_thought()
        if self._is_terminal and self._in_line:
            self._out.write("\n")
            self._out.flush()
            self._in_line = False

    def note(self, text: str) -> None:
        """Say something beside the answer, unless told to be quiet."""
        if not self._quiet:
            self.say(self._dimmed(f"riverrun: {text}") + "\n")

    def say(self, lines: str) -> None:
        """Say something on stderr that nobody may miss; `lines` ends with a line break."""
        self._out.flush()
        self._end_thought()
        if self._is_terminal and self._in_line and self._err.isatty():
            self._err.write("\n")  # on stderr: the answer's own characters stay as they are
            self._in_line = False
        self._err.write(lines)
        self._err.flush()

    # -- the answer -----------------------------------------------------------------------------------------------

    def _show_text(self, text: str) -> None:
        if text:
            self._end_thought()
            self._out.write(escaped(text) if self._is_terminal else text)
            self._file.wrote(text)
            self._in_line = not text.endswith("\n")

    def _show_thought(self, text: str) -> None:
        if self._show_reasoning:
            self._in_reasoning = True
            self._err.write(self._dimmed(escaped(text)))
            self._err.flush()

    def _end_thought(self) -> None:
        if self._in_reasoning:
            self._in_reasoning = False
            self._err.write("\n")
            self._err.flush()

    def _dimmed(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._can_dim else text

    # -- beside the answer ----------------------------------------------------------------------------------------

    def _comment(self, event: Event) -> None:
        match event:
            case Interrupted(cause, plan):
                what = "" if isinstance(cause, ResumedFromCheckpoint) else "interrupted: "
                self.note(f"{what}{printable(str(cause))}; plan: {plan_words(plan)}")
            case RetryScheduled(attempt, attempts_max, delay_s, cause):
                self.note(f"attempt {attempt} of {attempts_max} in {delay_s:.2g} s ({printable(str(cause))})")
            case Resumed(attempt, model, form, seam):
                self.note(f"resumed: attempt {attempt} on {printable(model)}, form: {form.value}, seam: {seam.value}")
            case StreamReset(reason):
                self._begin_anew(reason)
            case ToolCallReady(call):
                arguments = printable(json.dumps(call.arguments), ARGUMENTS_CHARS_MAX)
                self.say(f"riverrun: the model calls {printable(call.name)}({arguments}), which chat does not run\n")
            case ToolCallCancel(_, name, reason):
                self.note(f"the call of {printable(name)} was dropped: {printable(reason)}")
            case Status(message):
                self.note(printable(message))
            case Finished(result):
                self._sum_up(result)
            case _:
                return

    def _begin_anew(self, reason: str) -> None:
        if not self._chars_before and self._file.take_back():
            words = "the text printed so far was taken back from the file"
        else:
            if self._in_line:
                self._out.write("\n")
                self._file.wrote("\n")
            before = f", and the {self._chars_before} characters before," if self._chars_before else ""
            words = f"the text printed so far{before} counts no longer"
        self._in_line = False
        self._chars_before = 0
        self.say(f"riverrun: the answer begins anew ({printable(reason)}); {words}\n")

    def _sum_up(self, result: StreamResult) -> None:
        self.end_line()
        if result.is_partial:
            return
        if result.stop_reason not in ENDS_BY_ITSELF:
            word = "" if result.stop_word is None else f" ({printable(result.stop_word)})"
            self.say(f"riverrun: the answer stopped: {result.stop_reason.value}{word}\n")
        usage, attempts = result.usage, len(result.attempts)
        tokens = f"{usage.input or 'unknown'} tokens in, {usage.output or 'unknown'} out"
        self.note(f"done: {attempts} attempt{'s' if attempts != 1 else ''}, {tokens}")
