"""`riverrun replay`: a recording through the engine of today, and what the engine makes of it.

The report goes to standard output, one line a happening, with the second at which it happened. Nothing is sent.
"""

from __future__ import annotations

import argparse
import json

import trio
from attrs import evolve
from trio.testing import MockClock

from ..core.codec import unstructure
from ..core.errors import InferenceError
from ..core.events import (
    Event,
    Finished,
    Interrupted,
    Resumed,
    RetryScheduled,
    StreamReset,
    TextDelta,
    ToolCallCancel,
    ToolCallReady,
)
from ..core.policy import DELAY_S_MAX, Policy, StallPolicy
from ..core.printable import printable
from ..core.usage_error import RiverrunError, UsageError
from ..recording.format import Exchange, Recording
from ..testing.network.recorded import Recorded, RecordingEnded, recorded
from .complaint import complaint_of
from .exit_codes import ExitCode
from .output import plan_words
from .policy_options import stall_after
from .streams import write_line

FOR_EVER_S = DELAY_S_MAX
"""The longest replay, in its own time: 31 years. What still waits then, without a clock say, waits for ever."""


def replay(args: argparse.Namespace) -> ExitCode:
    """Run the command. Raises UsageError for a file that is no recording; errors of the answer have been printed."""
    recording = recorded(args.file)
    policy = _policy_of(args, recording.policy)
    if args.speed == "real":
        _require_clocks(recording.recording, policy.stall)
    clock = None if args.speed == "real" else MockClock(autojump_threshold=0)
    report = _Report(recording, as_json=args.json)
    return trio.run(report.run, policy, clock=clock)


def _policy_of(args: argparse.Namespace, policy: Policy) -> Policy:
    """The recorded patience, or another. Raises UsageError."""
    if args.attempts is not None:
        policy = evolve(policy, retry=evolve(policy.retry, attempts_max=args.attempts))
    if args.idle_s is not None:
        policy = evolve(policy, stall=stall_after(policy.stall, args.idle_s))
    return policy


def _require_clocks(recording: Recording, stall: StallPolicy) -> None:
    """Refuse to wait in real time where the engine left and no clock ends it. Raises UsageError."""
    if any(exchange.how == "left" and not _is_clocked(exchange, stall) for exchange in recording.exchanges):
        raise UsageError(
            "the engine left an answer, and the policy has no clock to leave it by: at --speed real this waits for "
            "ever; expected --idle-s S, or --speed max"
        )


def _is_clocked(exchange: Exchange, stall: StallPolicy) -> bool:
    """Whether a clock ends the wait for more of an answer that says nothing more."""
    clocks = (stall.headers_s,) if exchange.opened_s is None else (stall.first_event_s, stall.idle_s)
    ends = [clock is not None and clock <= FOR_EVER_S for clock in (*clocks, stall.total_s)]
    return ends[-1] or all(ends[:-1])


class _Report:
    """Plays a recording and tells what happens."""

    def __init__(self, recording: Recorded, *, as_json: bool) -> None:
        self._recorded = recording
        self._as_json = as_json
        self._began_s = 0.0
        self._chars = 0
        self._asked = 0

    async def run(self, policy: Policy) -> ExitCode:
        """Play it. If cancelled: the run is left."""
        self._began_s = trio.current_time()
        if not self._as_json:
            self._say_what_is_played()
        try:
            with trio.move_on_after(FOR_EVER_S) as waiting:
                async with self._recorded.engine(policy=policy).open_stream(self._recorded.request) as run:
                    async for event in run:
                        self._tell(event)
        except RiverrunError as error:
            self._tell_requests()
            ended = isinstance(error, RecordingEnded) and self._was_left()
            return self._say_where_it_was_left() if ended else self._complain(error)
        self._tell_requests()
        return self._say_where_it_was_left() if waiting.cancelled_caught else ExitCode.DONE

    def _was_left(self) -> bool:
        """Whether the recorded run may have been left in its last answer: by Ctrl-C, say."""
        exchanges = self._recorded.recording.exchanges
        return not exchanges or exchanges[-1].how == "left"

    def _say_where_it_was_left(self) -> ExitCode:
        """Say that there is no more: what the engine would do now was never answered."""
        if self._as_json:
            write_line(json.dumps({"at_s": self._now(), "left": True}))
        else:
            self._line(f"nothing more was recorded: the run was left here, after {self._chars} characters")
        return ExitCode.DONE

    def _complain(self, error: RiverrunError) -> ExitCode:
        complaint = complaint_of(error)
        told = {"at_s": self._now(), "error": type(error).__name__, "message": printable(str(error))}
        if self._as_json:
            write_line(json.dumps(told))
        else:
            self._line(f"failed: {complaint.kind}: {complaint.message}")
        return complaint.exit_code if not isinstance(error, InferenceError) else ExitCode.NO_ANSWER

    def _say_what_is_played(self) -> None:
        recording = self._recorded.recording
        content = "with its content" if recording.with_content else "its content replaced by placeholders"
        counted = f"{len(recording.exchanges)} request{'s' if len(recording.exchanges) != 1 else ''}"
        write_line(f"{printable(recording.provider)}/{printable(recording.model)}, {counted}, {content}")
        for number, exchange in enumerate(recording.exchanges, 1):
            write_line(f"  recorded {number}: {_exchange_words(exchange)}")

    # -- what happens ---------------------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        self._tell_requests()
        if self._as_json:
            write_line(json.dumps({"at_s": self._now(), "event": unstructure(event, Event)}, separators=(",", ":")))
            return
        if isinstance(event, TextDelta):
            self._chars += len(event.text)
            return
        words = self._words(event)
        if words is not None:
            self._line(words)

    def _tell_requests(self) -> None:
        """Say which requests were made since."""
        for at_s in self._recorded.asked_s[self._asked :]:
            self._asked += 1
            if not self._as_json:
                write_line(f"{at_s - self._began_s:10.3f} s  request {self._asked}")

    def _words(self, event: Event) -> str | None:
        match event:
            case Interrupted(cause, plan):
                return f"interrupted after {self._chars} characters: {_said(cause)}; plan: {plan_words(plan)}"
            case RetryScheduled(attempt, attempts_max, delay_s, cause):
                return f"attempt {attempt} of {attempts_max} in {delay_s:.2g} s ({_said(cause)})"
            case Resumed(attempt, _, form, seam):
                return f"resumed: attempt {attempt}, form: {form.value}, seam: {seam.value}"
            case StreamReset(reason):
                self._chars = 0
                return f"the answer begins anew: {printable(reason)}"
            case ToolCallReady(call):
                return f"a call is released: {printable(call.name)}"
            case ToolCallCancel(_, name, reason):
                return f"a call is dropped: {printable(name)} ({printable(reason)})"
            case Finished(result):
                attempts = len(result.attempts)
                counted = f"{attempts} attempt{'s' if attempts != 1 else ''}"
                return f"finished: {result.stop_reason.value}, {len(result.text)} characters, {counted}"
            case _:
                return None

    def _now(self) -> float:
        return round(trio.current_time() - self._began_s, 3)

    def _line(self, words: str) -> None:
        write_line(f"{self._now():10.3f} s  {words}")


def _said(cause: object) -> str:
    """Say a cause; one out of a file may hold any characters."""
    return printable(str(cause))


def _exchange_words(exchange: Exchange) -> str:
    size = sum(len(read.data) for read in exchange.reads)
    lasted = f"{exchange.ended_s - exchange.asked_s:.3g} s"
    if exchange.opened_s is None:
        return f"no headers within {lasted}: {_said(exchange.cause) if exchange.cause else 'the engine left'}"
    ends = {"end": "then its end", "broke": f"then {_said(exchange.cause)}", "left": "then the engine left"}
    reads = f"{len(exchange.reads)} read{'s' if len(exchange.reads) != 1 else ''}"
    return f"status {exchange.status}, {size:,} bytes in {reads} over {lasted}, {ends[exchange.how]}"
