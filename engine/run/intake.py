"""The events of one attempt on their way to the consumer: seam, fold, journal, mailbox, in that order.

Made when an attempt opens and dropped when it ends; nothing of it is reset. Synchronous, so that nothing can come
between a read and its fold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from ..core.accumulator import Accumulator
from ..core.answer_blocks import size_bytes
from ..core.buffering import BUFFERED, is_buffered
from ..core.capabilities import ContinuationForm
from ..core.causes import MalformedStream
from ..core.effects import Ask, Deliver, Record
from ..core.events import Event, Resumed, Status, StreamReset, TextDelta
from ..core.failures import Failure, FailureKind
from ..core.ignored import told_counts
from ..core.journal import AttemptRewound
from ..core.leading_thoughts import LeadingThoughts, has_thought
from ..core.messages import ReasoningBlock, TextBlock
from ..core.outcome import AttemptReport, Broken, Failed, Outcome, Unconfirmed
from ..core.progress import NO_PROGRESS, Progress
from ..core.result import SeamVerdict
from ..core.seam import Aligner
from ..core.secret import Secret
from ..core.stream_events import (
    CURSOR_TOO_LONG,
    AnswerRestarted,
    BlockStop,
    CursorMoved,
    ProviderStatus,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ResponseStarted,
    StreamEvent,
    StreamFailed,
    ToolCallDelta,
)
from ..core.taking_back import cancel_calls, forget_cursor, take_back
from ..core.usage import UsageReport
from .delivery import Delivery
from .spoken import SPOKEN_OF, printable_event

_BEFORE_TEXT = frozenset(
    {ReasoningDelta, ReasoningSignature, RedactedReasoning, UsageReport, CursorMoved, ToolCallDelta}
)
"""Events that may come before a continuation's first text and so do not end its seam. A call's start ends it: arguments
that find it open belong to no call, and what the seam holds was cut by a malformed stream."""


class Taken(NamedTuple):
    """What the reader is told after each read.

    Attributes:
        is_progress: whether any of it was progress.
        outcome: how the attempt has to end because of it, or None.
        must_wait: whether to wait before reading on: for the consumer, or for a store that comes first.
    """

    is_progress: bool
    outcome: Outcome | None = None
    must_wait: bool = False


_PROGRESS, _NO_NEWS = Taken(is_progress=True), Taken(is_progress=False)
"""What nearly every read is: made once."""


class Intake:
    """Takes the events of one attempt."""

    __slots__ = (
        "_accumulator", "_aligned_bytes", "_aligner", "_answer_ended", "_bytes_before", "_count_ignored", "_cursor",
        "_delivery", "_is_buffered", "_is_taken_back", "_moved", "_outcome", "_progress", "_resumed", "_said_anything",
        "_seam", "_step", "_thoughts", "_useful_before", "secrets",
    )  # fmt: skip

    def __init__(self, ask: Ask, accumulator: Accumulator, delivery: Delivery) -> None:
        attempt = ask.attempt
        self._accumulator = accumulator
        self._delivery = delivery
        self._step = attempt.step
        self.secrets: Sequence[Secret] = ()
        self._count_ignored: Callable[[], Mapping[str, int]] = dict
        self._resumed = (attempt.number, attempt.target.source.model) if ask.resumes else None
        self._aligned_bytes = 0
        self._seam: SeamVerdict | None = None
        self._cursor: CursorMoved | None = None  # what the seam holds was not said yet: the cursor may not be past it
        self._moved: CursorMoved | None = None  # the last one of the read at hand
        self._outcome: Outcome | None = None
        self._said_anything = self._answer_ended = self._is_buffered = False
        self._progress = Progress()
        self._bytes_before = accumulator.bytes_received
        self._useful_before = accumulator.said_bytes + accumulator.wasted_bytes
        self._is_taken_back = accumulator.text != self._step.said + self._step.trimmed
        self._begin_reply()

    def _begin_reply(self) -> None:
        """Get ready for the first word of a reply."""
        goes_on = self._step.form not in (ContinuationForm.RESTART, ContinuationForm.CURSOR)
        self._thoughts = LeadingThoughts(skips=goes_on and has_thought(self._accumulator.blocks()))
        self._aligner = self._new_aligner()

    @property
    def holds_text(self) -> bool:
        """Whether text is held back until the seam is decided."""
        return self._aligner is not None and bool(self._aligner.held_chars)

    def open(self, secrets: Sequence[Secret], ignored: Callable[[], Mapping[str, int]]) -> None:
        """Take what nothing that is said may hold, and who counts what is not understood: the answer has begun."""
        self.secrets, self._count_ignored = secrets, ignored

    # -- what the reader tells ------------------------------------------------------------------------------------

    def take(self, events: Sequence[StreamEvent], bytes_received: int) -> Taken:
        """Take the events of one read, and how many bytes of the body have come. Cost: O(1) an event, amortised."""
        is_progress = bool(events) and self._deliver(events)
        self._accumulator.bytes_received = self._bytes_before + bytes_received
        if self._outcome is not None or self._delivery.must_wait:
            return Taken(is_progress, self._outcome, self._delivery.must_wait)
        return _PROGRESS if is_progress else _NO_NEWS

    def is_inside(self) -> bool:
        """Whether a call or a thought is open, one that is left out too: it may be composed in silence."""
        return self._thoughts.is_open or self._accumulator.is_inside

    @property
    def useful_bytes(self) -> int:
        """How many bytes of text, reasoning and arguments this attempt has brought, those too that the seam holds."""
        return self._said_bytes - self._useful_before

    @property
    def _said_bytes(self) -> int:
        return self._accumulator.said_bytes + self._accumulator.wasted_bytes + self._aligned_bytes

    async def wait(self) -> None:
        """Wait until the reader may read on. Raises StoreError."""
        await self._delivery.wait()

    def remind(self, message: str) -> bool:
        """Tell the consumer that nothing has come yet; never progress. False once something has."""
        if not self._said_anything:
            self._delivery.put(Status(message))
        return not self._said_anything

    def note_end(self) -> None:
        """Take that the terminal event was seen: the answer is whole, whatever follows."""
        self._answer_ended = True

    def note_pace(self, waited_s: float, took_s: float) -> None:
        """Tell the consumer, once a run, that the answer was held back on its way, if it was."""
        has_body = self._accumulator.bytes_received > self._bytes_before
        self._is_buffered = has_body and is_buffered(waited_s, took_s, self.useful_bytes)
        if self._is_buffered:
            self._delivery.put_once(BUFFERED)

    def finish(self, outcome: Outcome | None, *, ends_without_finish: bool = False) -> AttemptReport:
        """Take that the attempt is over, and say what it brought; None: it was cancelled from outside.

        What the seam holds is new at the answer's end; one that no word ended has added none of it, unless declared so.
        """
        aligner, self._aligner = self._aligner, None
        is_over = self._answer_ended or isinstance(outcome, Unconfirmed)
        new = aligner.finish() if aligner is not None and is_over else ""
        if new and not (self._answer_ended or ends_without_finish):
            is_over = False
        if aligner is not None and is_over:
            self._join(aligner.verdict or SeamVerdict.CLEAN, new)
        elif self._answer_ended:
            self._announce(SeamVerdict.CLEAN)
        else:
            self._end_alignment("")
        self._tell_ready(is_over=True)
        received = self._accumulator.bytes_received - self._bytes_before
        said_anything = self._said_anything or self._seam is not None  # a `Resumed` that was told is news, too
        ignored = told_counts(self._count_ignored(), self.secrets, told_again=self._accumulator.told_again)
        heard = (self._answer_ended, said_anything, self._seam, received, ignored)
        return AttemptReport(outcome, *heard, self.useful_bytes, self._is_buffered)

    # -- delivering -----------------------------------------------------------------------------------------------

    def _deliver(self, events: Sequence[StreamEvent]) -> bool:
        """Deliver the events of one read; whether any of them was progress."""
        if self._resumed is None and self._aligner is None:
            if len(events) == 1 and type(events[0]) is TextDelta:
                return self._put_text(events[0])
            text = self._accumulator.fold_texts(events)
            if text is not None:
                self._said_anything = self._said_anything or bool(text)
                self._delivery.record(TextDelta(text))  # the journal joins neighbouring deltas in any case
                self._delivery.put_all(cast("Sequence[Event]", events))
                return bool(text)
        return self._deliver_each(events)

    def _put_text(self, event: TextDelta) -> bool:
        """Deliver a read of one delta, as those of a slow model are: half the price of going through a list."""
        self._said_anything = self._said_anything or bool(event.text)
        self._fold(event)
        if self._accumulator.defect is not None and self._outcome is None:
            self._outcome = self._defect_outcome(self._accumulator.defect)
        return bool(event.text)

    def _deliver_each(self, events: Sequence[StreamEvent]) -> bool:
        is_progress = False
        for event in events:
            kind = type(event)
            is_progress = is_progress or self._progress.is_made_by(event, self._said_bytes)
            if self._resumed is not None or self._aligner is not None or kind is not TextDelta:
                self._deliver_with_care(event, kind)
                if self._outcome is not None:
                    break
            else:
                self._fold(event)
            if self._accumulator.defect is not None:  # what the same read says beyond is nobody's
                self._outcome = self._defect_outcome(self._accumulator.defect)
                break
        self._move_cursor()
        if is_progress:
            self._said_anything = True
        return is_progress

    def _defect_outcome(self, defect: str) -> Outcome:
        if self._accumulator.is_over_limit:
            return Failed(Failure(FailureKind.PROVIDER, defect, retryable=False))
        return Broken(MalformedStream(defect), defect)

    def _deliver_with_care(self, event: StreamEvent, kind: type) -> None:
        """Deliver anything but plain text on a decided seam.

        In this order: 1. What proves life only is noted, and ends no seam. 2. A restart voids what the seam holds. 3.
        Thoughts that are said again are left out. 4. Text that the seam has to judge goes to it. 5. Anything else that
        can not stand before the first text ends the seam. 6. What is left is folded.
        """
        if kind in SPOKEN_OF:
            event = printable_event(event, self.secrets)
        if kind in NO_PROGRESS and kind is not UsageReport:
            self._note(event)
            return
        if isinstance(event, AnswerRestarted):
            self._restart_attempt()
            return
        if (skipped := self._thoughts.skip(event)) is not None:
            self._accumulator.wasted_bytes += skipped
            return
        if isinstance(event, TextDelta) and self._aligner is not None:
            self._align(event.text, self._aligner)
            return
        if self._aligner is None:
            if kind is not UsageReport:
                self._announce(SeamVerdict.CLEAN)
        elif kind not in _BEFORE_TEXT and not self._only_closes(event, self._aligner):
            self._finish_seam(self._aligner)
            self._aligner = None
        self._fold(event)

    @staticmethod
    def _only_closes(event: StreamEvent, aligner: Aligner) -> bool:
        """Whether a stop ends no text: a thought closes before the seam has begun, or a call that was never opened."""
        return isinstance(event, BlockStop) and (event.id is not None or not aligner.held_chars)

    def _note(self, event: StreamEvent) -> None:
        match event:
            case StreamFailed(failure):
                self._forget_cursor()  # the generation itself failed
                self._outcome = self._outcome or Failed(failure)
            case ProviderStatus(message):
                self._delivery.put(Status(message))
            case CursorMoved() if self._aligner is not None:
                self._cursor = event
            case CursorMoved():
                self._moved = event
            case ResponseStarted():
                self._fold(event)
            case _:
                self._accumulator.fold(event)

    def _move_cursor(self) -> None:
        """Keep the last cursor of a read: one in each event, large with what is open, would be the square of it."""
        moved, self._moved = self._moved, None
        if moved is None:
            return
        if moved.is_too_long:
            self._delivery.put_once(CURSOR_TOO_LONG)
        if moved.is_too_long or moved.cursor is None:
            self._forget_cursor()
        else:
            self._fold(moved)

    def _forget_cursor(self) -> None:
        self._moved = None
        self._carry_out(forget_cursor(self._accumulator))

    def _fold(self, event: StreamEvent) -> None:
        shown = self._accumulator.fold(event)
        self._delivery.record(event)
        if shown is not None:
            self._delivery.put(shown)
        if self._accumulator.ready:
            self._tell_ready()

    def _tell_ready(self, *, is_over: bool = False) -> None:
        """Tell of whole calls that waited for one declared before them; at the attempt's end, of all."""
        for ready in self._accumulator.take_ready(is_over=is_over):
            self._delivery.put(ready)

    def _carry_out(self, effects: Iterable[Record | Deliver]) -> None:
        for effect in effects:
            self._delivery.carry_out(effect)

    # -- the seam -------------------------------------------------------------------------------------------------

    def _new_aligner(self) -> Aligner | None:
        step = self._step
        if step.form in (ContinuationForm.RESTART, ContinuationForm.CURSOR):
            return None
        if not step.searches and not step.trimmed:  # by its contract the reply is what is new: nothing to align
            return None
        if self._is_taken_back:  # this attempt started over and is now void itself
            return None
        said = step.said + step.trimmed
        return Aligner(said, searches=step.searches, trimmed=step.trimmed, echoes=step.echoes)

    def _align(self, text: str, aligner: Aligner) -> None:
        self._aligned_bytes += size_bytes(text)
        new = aligner.feed(text)
        if aligner.verdict is None:
            return
        self._join(aligner.verdict, new)
        self._aligner = None  # decided: from here on the reply is passed through

    def _finish_seam(self, aligner: Aligner) -> None:
        new = aligner.finish()
        self._join(aligner.verdict or SeamVerdict.CLEAN, new)

    def _join(self, seam: SeamVerdict, new: str) -> None:
        self._announce(seam)
        self._seam = seam
        if seam is SeamVerdict.RESTART:
            self._is_taken_back = True
            self._carry_out(take_back(self._accumulator, "the model started over"))
        self._end_alignment(new)
        if new:
            self._fold(TextDelta(new))
        self._moved = self._cursor
        self._move_cursor()

    def _end_alignment(self, new: str) -> None:
        """Count what was said and is not kept: it was paid all the same."""
        self._accumulator.wasted_bytes += max(self._aligned_bytes - size_bytes(new), 0)
        self._aligned_bytes = 0

    def _announce(self, seam: SeamVerdict) -> None:
        """Say that the answer goes on, once, right before the first content of a further attempt."""
        if self._resumed is None:
            return
        (number, model), self._resumed = self._resumed, None
        self._seam = seam
        self._delivery.put(Resumed(number, model, self._step.form, seam))

    # -- a provider that begins again inside one stream -------------------------------------------------------------

    def _restart_attempt(self) -> None:
        """Take back what this generation said: the provider began its message again inside one stream.

        What stood before the attempt is neither copied nor compared; the consumer is given the same strings again.
        """
        accumulator, delivery, reason = self._accumulator, self._delivery, "the provider began its answer again"
        delivery.restarts += 1
        if delivery.restarts > (limit := accumulator.limits.restarts_max):
            defect = (
                f"the answer began anew {delivery.restarts} times in a run; expected at most {limit} (restarts_max)"
            )
            self._outcome = Broken(MalformedStream(defect), defect)
            return
        if self._step.form is ContinuationForm.CURSOR and accumulator.goes_on:
            # how its seam was to be aligned is not known any more
            self._outcome = Broken(MalformedStream("a continuation began again while it was read on"))
            return
        if not accumulator.has_begun:
            self._begin_reply()  # what it held of the first message is void
            return
        if self._aligner is None:
            self._announce(SeamVerdict.CLEAN)  # what an earlier attempt was given of it is taken back, too
        self._moved = None
        self._carry_out(cancel_calls(accumulator, reason))
        if not accumulator.rewind():
            self._forget_cursor()  # the last one kept is older than what this read brought before it began again
            self._outcome = Broken(MalformedStream("a second message began after a call had been released"))
            return
        self._carry_out([Record(AttemptRewound()), Deliver(StreamReset(reason))])
        for block in accumulator.blocks():
            if isinstance(block, TextBlock):
                delivery.put(TextDelta(block.text))
            elif isinstance(block, ReasoningBlock) and block.text:
                delivery.put(ReasoningDelta(block.text))
        self._begin_reply()
