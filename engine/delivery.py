"""From the events of an attempt to what the consumer is given: seam, fold, journal, mailbox, in that order.

Everything here is synchronous, so that nothing can come between a read and its fold: at any checkpoint, what was
delivered, what the accumulator holds and what the journal was told are the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from .attempt import Broken, Outcome, Refused
from .core.accumulator import Accumulator
from .core.capabilities import ContinuationForm
from .core.causes import MalformedStream
from .core.continuation import NextRequest
from .core.events import (
    Event,
    Resumed,
    Status,
    StreamReset,
    TextDelta,
    ToolCallCancel,
    UsageUpdate,
)
from .core.failures import Failure, FailureKind
from .core.held_blocks import size_bytes
from .core.journal import AnswerReset, AttemptBegan, AttemptRewound, CallsCancelled, Entry
from .core.leading_thoughts import LeadingThoughts, has_thought
from .core.messages import ReasoningBlock, TextBlock
from .core.progress import NO_PROGRESS, Progress
from .core.result import SeamVerdict
from .core.seam import Aligner
from .core.secret import Secret
from .core.stream_events import (
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
from .core.usage import UsageReport
from .journal_writer import JournalWriter
from .mailbox import Mailbox
from .spoken import SPOKEN_OF, printable_event

_BEFORE_TEXT = frozenset(
    {ReasoningDelta, ReasoningSignature, RedactedReasoning, UsageReport, CursorMoved, ToolCallDelta}
)
"""Events that may come before a continuation's first text and so do not end its seam. A call's start ends it: arguments
that find it open belong to no call, and what the seam holds was cut by a malformed stream."""

_BEST_EFFORT = frozenset({UsageUpdate, Status})
"""Events that are dropped when the consumer lags."""


class Delivery:
    """The receiver of a run's attempts. One for the whole run; `begin_attempt` makes it ready for the next."""

    def __init__(
        self, accumulator: Accumulator, mailbox: Mailbox, journal: JournalWriter | None, *, hold: bool
    ) -> None:
        self.accumulator = accumulator
        self.mailbox = mailbox
        self.journal = journal
        self.secrets: Sequence[Secret] = ()
        self.trouble: Outcome | None = None
        self.said_anything = False
        self.answer_ended = False
        self._store_first = hold
        self._hold = hold
        self._held: list[Event] = []
        self._aligner: Aligner | None = None
        self._step: NextRequest | None = None
        self._resumed: tuple[int, str] | None = None
        self._seam: SeamVerdict | None = None
        self._aligned_bytes = 0
        self._thoughts = LeadingThoughts(skips=False)
        self._cursor: CursorMoved | None = None  # what the seam holds was not said yet: the cursor may not be past it
        self._moved: CursorMoved | None = None  # the last one of the read at hand
        self._told_too_long = False
        self._bytes_before = accumulator.bytes_received
        self._progress = Progress()
        self._restarts = 0
        self._is_taken_back = False

    # -- attempts -------------------------------------------------------------------------------------------------

    def begin_attempt(self, number: int, origin: str, model: str, step: NextRequest, *, resumes: bool) -> None:
        """Get ready for an attempt; `resumes` says that a `Resumed` is due before its first content."""
        self.accumulator.origin = origin
        self.accumulator.defect = None
        reattaches = step.form is ContinuationForm.CURSOR
        self.accumulator.begin_attempt(reattaches=reattaches)
        self._record(AttemptBegan(number, origin, reattaches))
        self.trouble = None
        self.said_anything = self.answer_ended = False
        self._step = step
        self._bytes_before = self.accumulator.bytes_received
        self._resumed = (number, model) if resumes else None
        self._seam = None
        self._aligned_bytes = 0
        self._cursor = None
        self._progress = Progress()
        self._is_taken_back = self.accumulator.text != step.said + step.trimmed
        self._begin_reply()

    def _begin_reply(self) -> None:
        """Get ready for the first word of a reply."""
        goes_on = self._step is not None and self._step.form not in (ContinuationForm.RESTART, ContinuationForm.CURSOR)
        self._thoughts = LeadingThoughts(skips=goes_on and has_thought(self.accumulator.blocks()))
        self._aligner = self._new_aligner()

    def _new_aligner(self) -> Aligner | None:
        step = self._step
        if step is None or step.form in (ContinuationForm.RESTART, ContinuationForm.CURSOR):
            return None
        if not step.searches and not step.trimmed:  # by its contract the reply is what is new: nothing to align
            return None
        if self._is_taken_back:  # this attempt started over and is now void itself
            return None
        said = step.said + step.trimmed
        return Aligner(said, searches=step.searches, trimmed=step.trimmed, echoes=step.echoes)

    @property
    def bytes_this_attempt(self) -> int:
        """Bytes of this attempt's body."""
        return self.accumulator.bytes_received - self._bytes_before

    def end_seam(self, *, whole: bool) -> SeamVerdict | None:
        """End an attempt's seam; text still held back is decided if it is `whole`, and was never said otherwise."""
        aligner, self._aligner = self._aligner, None
        if aligner is not None and whole:
            self._finish_seam(aligner)
        elif aligner is not None:
            aligner.discard()
            self._end_alignment("")
        elif whole:
            self._announce(SeamVerdict.CLEAN)
        return self._seam

    # -- the receiver of an attempt -------------------------------------------------------------------------------

    @property
    def useful_bytes(self) -> int:
        """Bytes of text, reasoning and arguments that this attempt brought, those too that the seam still holds."""
        return self.accumulator.said_bytes + self.accumulator.wasted_bytes + self._aligned_bytes

    def note_end(self) -> None:
        """Take that the terminal event was seen: the answer is whole, whatever follows."""
        self.answer_ended = True

    def count_bytes(self, received: int) -> None:
        """Take how many bytes of this attempt's body have come."""
        self.accumulator.bytes_received = self._bytes_before + received

    @property
    def awaits_store(self) -> bool:
        """Whether what is said has to be stored before it is handed over: by the policy, or after a `StreamReset`."""
        return self._hold

    @property
    def must_wait(self) -> bool:
        """Whether the reader has to wait: for the store if it comes first, or for the consumer."""
        return self.mailbox.is_full or bool(self._held)

    async def wait(self) -> None:
        """Wait for the store, where `release` does, and then for the consumer.

        Raises:
            StoreError: nothing is shown that is not stored, and it could not be stored.
        """
        await self.release()
        await self.mailbox.wait_room()

    async def release(self) -> None:
        """Hand over what waits for the store. Raises StoreError. A checkpoint only if something is to be stored.

        Where the store does not come first, all that waits for it is what follows a `StreamReset`: of two versions of
        an answer, `deliver_from` does not say which was shown. There a store that fails costs its deadline, once.

        If cancelled: it goes on waiting; `put_held` decides.
        """
        if self._held and self.journal is not None:
            if self._store_first:
                await self.journal.write_through()
            else:
                await self.journal.write()
            self.put_held(discard=False)

    def deliver(self, events: Sequence[StreamEvent]) -> bool:
        """Take the events of one read; whether any of them was progress. Cost: O(1) an event, amortised."""
        if self._resumed is None and self._aligner is None:
            if len(events) == 1 and type(events[0]) is TextDelta:
                return self._put_text(events[0])
            text = self.accumulator.fold_texts(events)
            if text is not None:
                return self._put_texts(cast("Sequence[TextDelta]", events), text)
        return self._deliver_each(events)

    def _put_texts(self, events: Sequence[TextDelta], text: str) -> bool:
        """Hand over a read that was nothing but text, as most are: 0.2 µs an event; one by one took 1.9."""
        self.said_anything = self.said_anything or bool(text)
        self._record(TextDelta(text))  # the journal joins neighbouring deltas in any case
        if self._hold:
            self._held.extend(events)
        else:
            self.mailbox.put_all(events)
        return bool(text)

    def _put_text(self, event: TextDelta) -> bool:
        """Hand over a read of one delta, as those of a slow model are: half the price of going through a list."""
        self.said_anything = self.said_anything or bool(event.text)
        self._fold(event)
        if self.accumulator.defect is not None and self.trouble is None:
            self.trouble = self._defect_outcome(self.accumulator.defect)
        return bool(event.text)

    def _deliver_each(self, events: Sequence[StreamEvent]) -> bool:
        progress = False
        for event in events:
            kind = type(event)
            progress = progress or self._progress.is_made_by(event, self.useful_bytes)
            if self._resumed is not None or self._aligner is not None or kind is not TextDelta:
                self._deliver_with_care(event, kind)
                if self.trouble is not None:
                    break
            else:
                self._fold(event)
            if self.accumulator.defect is not None:  # what the same read says beyond is nobody's
                self.trouble = self._defect_outcome(self.accumulator.defect)
                break
        self._move_cursor()
        if progress:
            self.said_anything = True
        return progress

    def _defect_outcome(self, defect: str) -> Outcome:
        if self.accumulator.is_over_limit:
            return Refused(Failure(FailureKind.PROVIDER, defect, retryable=False))
        return Broken(MalformedStream(defect), defect)

    def _deliver_with_care(self, event: StreamEvent, kind: type) -> None:
        """Deliver anything but plain text on a decided seam."""
        if kind in SPOKEN_OF:
            event = printable_event(event, self.secrets)
        if kind in NO_PROGRESS and kind is not UsageReport:
            self._note(event)
            return
        if isinstance(event, AnswerRestarted):
            self._restart_attempt()
            return
        if (skipped := self._thoughts.skip(event)) is not None:
            self.accumulator.wasted_bytes += skipped
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
                self.forget_cursor()  # the generation itself failed
                self.trouble = self.trouble or Refused(failure)
            case ProviderStatus(message):
                self.put(Status(message))
            case CursorMoved() if self._aligner is not None:
                self._cursor = event
            case CursorMoved():
                self._moved = event
            case ResponseStarted():
                self._fold(event)
            case _:
                self.accumulator.fold(event)

    def _move_cursor(self) -> None:
        """Keep the last cursor of a read: one in each event, large with what is open, would be the square of it."""
        moved, self._moved = self._moved, None
        if moved is None:
            return
        if moved.is_too_long and not self._told_too_long:
            self._told_too_long = True
            self.put(Status(CURSOR_TOO_LONG))
        if moved.is_too_long or moved.cursor is None:
            self.forget_cursor()
        else:
            self._fold(moved)

    def forget_cursor(self) -> None:
        """Give up the place in a generation that is no more, or that can not be read on."""
        self._moved = None
        if self.accumulator.cursor is not None:
            self._fold(CursorMoved(None))

    def _fold(self, event: StreamEvent) -> None:
        shown = self.accumulator.fold(event)
        self._record(event)
        if shown is not None:
            self.put(shown)

    # -- the seam -------------------------------------------------------------------------------------------------

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
            self.take_back("the model started over")
        self._end_alignment(new)
        if new:
            self._fold(TextDelta(new))
        self._moved = self._cursor
        self._move_cursor()

    def _end_alignment(self, new: str) -> None:
        """Count what was said and is not kept: it was paid all the same."""
        self.accumulator.wasted_bytes += max(self._aligned_bytes - size_bytes(new), 0)
        self._aligned_bytes = 0

    def _announce(self, seam: SeamVerdict) -> None:
        """Say that the answer goes on, once, right before the first content of a further attempt."""
        if self._resumed is None or self._step is None:
            return
        (number, model), self._resumed = self._resumed, None
        self._seam = seam
        self.put(Resumed(number, model, self._step.form, seam))

    # -- taking back ----------------------------------------------------------------------------------------------

    def take_back(self, reason: str) -> None:
        """Drop everything said, here and at the consumer's."""
        self.accumulator.reset()
        self._is_taken_back = True
        self._record(AnswerReset())
        self._put_reset(reason)

    def _put_reset(self, reason: str) -> None:
        """Tell the consumer to drop what it has; it and what follows wait for the store, if there is one."""
        self._hold = self._hold or self.journal is not None
        self.put(StreamReset(reason))

    def _restart_attempt(self) -> None:
        """Take back what this generation said: the provider began its message again inside one stream.

        What stood before the attempt is neither copied nor compared; the consumer is given the same strings again.
        """
        self._restarts += 1
        if self._restarts > (limit := self.accumulator.limits.restarts_max):
            defect = f"the answer began anew {self._restarts} times in a run; expected at most {limit} (restarts_max)"
            self.trouble = Broken(MalformedStream(defect), defect)
            return
        is_read_on = self._step is not None and self._step.form is ContinuationForm.CURSOR
        if is_read_on and self.accumulator.goes_on:  # how its seam was to be aligned is not known any more
            self.trouble = Broken(MalformedStream("a continuation began again while it was read on"))
            return
        if not self.accumulator.has_begun:
            self._begin_reply()  # what it held of the first message is void
            return
        if self._aligner is None:
            self._announce(SeamVerdict.CLEAN)  # what an earlier attempt was given of it is taken back, too
        self._moved = None  # it stands behind what is taken back
        self.cancel_calls("the provider began its answer again")
        if not self.accumulator.rewind():
            self.trouble = Broken(MalformedStream("a second message began after a call had been released"))
            return
        self._record(AttemptRewound())
        self._put_reset("the provider began its answer again")
        for block in self.accumulator.blocks():
            if isinstance(block, TextBlock):
                self.put(TextDelta(block.text))
            elif isinstance(block, ReasoningBlock) and block.text:
                self.put(ReasoningDelta(block.text))
        self._begin_reply()

    def cancel_calls(self, reason: str, *, lives_on: bool = False) -> None:
        """Cancel the calls under way and tell the consumer.

        Where their generation `lives_on`, they are cancelled for this consumer only: the journal keeps them under way
        and the cursor, so whoever opens the run next is told them from their start, and reads them on.
        """
        cancelled: list[ToolCallCancel] = self.accumulator.cancel_open_calls(reason)
        if cancelled and not lives_on:
            self.forget_cursor()  # it may stand inside one of them
            self._record(CallsCancelled())
        for event in cancelled:
            self.put(event)

    # -- handing over ---------------------------------------------------------------------------------------------

    def put(self, event: Event) -> None:
        """Hand an event over, or hold it until it is stored. Best-effort events are dropped when the consumer lags."""
        if type(event) in _BEST_EFFORT and self.mailbox.is_lagging:
            return
        if self._hold:
            self._held.append(event)
        else:
            self.mailbox.put(event)

    def put_held(self, *, discard: bool) -> None:
        """Hand over what waited for the store, or drop it at the end of a run: it could not be stored."""
        held, self._held, self._hold = self._held, [], self._store_first
        if not discard:
            self.mailbox.put_all(held)

    def _record(self, item: Entry) -> None:
        if self.journal is not None:
            self.journal.record(item)
