"""The one fold from stream events to what a run holds, over all of its attempts.

    accumulator = Accumulator(limits)
    accumulator.begin_attempt()
    for event in events:
        shown = accumulator.fold(event)      # what the consumer is given for it, or None

* Blocks stay in the order they began. Text that continues over an interruption goes on in the same block.
* Calls may be under way several at once, interleaved. A call is complete when the provider closed it *and* its
  arguments are a JSON object; a closed call without arguments is complete with `{}`. Only then is it released, once.
* A reasoning block's signature is committed at the block's stop, never before: half a thought has no valid signature.
* What an attempt signs that goes on from what is held is not kept: it was asked with another prefix than goes back.
* Usage belongs to the attempt: a cumulative report replaces, a delta adds, negatives are clamped and counted as odd.
* O(1) amortised for each event (by its bytes): parts are appended, and joined once when somebody reads them.

What exceeds a limit, or contradicts what was said before (a second start of an open call, a delta after its stop), sets
`defect`; nothing received is dropped by that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, cast

from .answer_blocks import AnswerBlocks, CallParts, Held, ReasoningParts, TextParts, opaque_bytes, size_bytes, width_of
from .answer_calls import TOLD_AGAIN, AnswerCalls
from .events import Event, ToolCallCancel, ToolCallReady, UsageUpdate
from .held_answer import HeldAnswer
from .messages import ReasoningBlock
from .policy import Limits
from .printable import named
from .snapshot import InterruptSnapshot
from .stop import StopReason, final_reason
from .stream_events import (
    AnswerRestarted,
    BlockStop,
    CursorMoved,
    KeepAlive,
    OpaqueBlockReceived,
    ProviderStatus,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ResponseStarted,
    ServerToolStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from .usage import NO_USAGE, TokenUsage, UsageReport, apply_report, settle_usage, tokens_of_bytes

_ONLY_TEXT = {TextDelta}


class Accumulator(HeldAnswer):
    """The state of a run, folded. Not shared between tasks.

    Attributes:
        defect: what was seen and expected, once an event contradicted the fold or passed a limit; None until then.
        usage: of the attempt under way; `usage_before` is that of all attempts before it.
        odd_usage: how many counts of usage reports were negative or shrank.
        said_bytes: useful bytes (text, reasoning, arguments) of the attempt under way that are held.
        wasted_bytes: what it said besides and is not held: taken back by the provider, or a repetition at the seam.
        incomplete_calls: closed calls whose arguments never became a JSON object.
        ready: whole calls that waited for one declared before them, and may be told now (`take_ready`).
    """

    def __init__(self, limits: Limits | None = None, *, origin: str | None = None) -> None:
        self.limits: Limits = limits if limits is not None else Limits()
        self._bytes_max = self.limits.text_bytes_max
        self.origin = origin
        self._held, self._limited_before, self._continues = AnswerBlocks(), (0, 0), False
        self._open_text: list[str] | None = None
        self._open_reasoning: ReasoningParts | None = None
        self._calls = AnswerCalls()
        self.ready: list[ToolCallReady] = self._calls.ready
        self._held_bytes = self._tokens_before = self._server_tools_open = 0
        self.said_bytes: int = 0
        self.wasted_bytes: int = 0
        self.bytes_received: int = 0
        self.calls_started: int = 0
        self.incomplete_calls: int = 0
        self.odd_usage: int = 0
        self.server_tool: str | None = None
        self.cursor: str | None = None
        self.response_id: str | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self.stop: StopReported | None = None
        self.usage: TokenUsage = NO_USAGE
        self.usage_before: TokenUsage = NO_USAGE
        self.usage_reported: bool = False
        self.is_over_limit: bool = False
        self.defect: str | None = None

    # -- the fold -------------------------------------------------------------------------------------------------

    def fold(self, event: StreamEvent) -> Event | None:
        """Take one event; return what the consumer is given for it. Cost: O(1) amortised."""
        if type(event) is TextDelta and self._open_text is not None:  # all but every event of most answers
            text = event.text
            size = len(text) if text.isascii() else self._size(text)
            self._open_text.append(text)
            self.said_bytes += size
            self._held_bytes += size
            if self._held_bytes > self._bytes_max:
                self._count(0)
            if len(self._open_text) > self._held.parts_max:
                self._held.join_last()
            return event
        return self._folds[type(event)](self, event)

    def fold_texts(self, events: Sequence[StreamEvent]) -> str | None:
        """Take events that are all text of the open block, and return it joined; of others take nothing: None."""
        if self._open_text is None or set(map(type, events)) != _ONLY_TEXT:
            return None
        text = "".join([event.text for event in cast("Sequence[TextDelta]", events)])
        if self._held_bytes + self._size(text) > self._bytes_max:
            return None  # one by one, so that what is noted does not depend on how much one read brought
        self.fold(TextDelta(text))
        return text

    def _fold_text(self, event: TextDelta) -> Event | None:
        if not event.text:
            return None
        self._open_reasoning = None
        self._hold(block := TextParts())
        self._open_text = block.parts
        return self.fold(event)

    def _fold_reasoning(self, event: ReasoningDelta) -> Event | None:
        if not event.text:
            return None
        self._reasoning().append(event.text)
        self.said_bytes += (size := self._size(event.text))
        self._count(size)
        return event

    def _reasoning(self) -> ReasoningParts:
        if self._open_reasoning is None:
            self._open_text = None
            self._open_reasoning = ReasoningParts(self.origin)
            self._hold(self._open_reasoning)
        return self._open_reasoning

    def _fold_signature(self, event: ReasoningSignature) -> None:
        if not self._continues:
            self._count(self._reasoning().sign(event.signature))

    def _fold_redacted(self, event: RedactedReasoning) -> None:
        self._close_blocks()
        if not self._continues:
            self._hold(ReasoningBlock(redacted=event.data, origin=self.origin))
            self._count(size_bytes(event.data))

    def _fold_call_start(self, event: ToolCallStart) -> Event | None:
        if self._calls.tells_again(event.id):
            self._count(self._calls.start_again(event).held_bytes)
            return None
        if event.id in self._calls:
            self._note(f"a second start of call '{named(event.id)}'; expected each call to start once")
            return None
        self._close_blocks()
        self._hold(call := self._calls.start(event))
        self._count(call.held_bytes)
        self.calls_started += 1
        self._bound("calls", "calls", self.calls_started, self.limits.calls_max)
        return event

    def _fold_call_delta(self, event: ToolCallDelta) -> Event | None:
        call = self._calls.under_way.get(event.id) or self._calls.again.get(event.id)
        if call is None:
            self._note(f"arguments for call '{named(event.id)}', which is not open; expected a start before them")
            return None
        call.append(event.args_delta)
        size = self._size(event.args_delta)
        self._count_arguments(call, size)
        if event.id in self._calls.again:
            self.wasted_bytes += size
            return None
        self.said_bytes += size
        return event

    def _count_arguments(self, call: CallParts, size: int) -> None:
        call.size_bytes += size
        if call.size_bytes > self.limits.arguments_bytes_max:
            self._bound("the arguments of a call", "bytes", call.size_bytes, self.limits.arguments_bytes_max)
        self._count(size)

    def _fold_block_stop(self, event: BlockStop) -> Event | None:
        if event.id is None:
            if self._open_reasoning is not None:
                self._open_reasoning.close(event.came_as)
            self._close_blocks()
            return None
        if (again := self._calls.again.get(event.id)) is not None:
            self._end_again(again, event)
            return None
        call = self._calls.under_way.pop(event.id, None)
        if call is None:
            self._note(f"a stop of call '{named(event.id)}', which is not open; expected a start before it")
            return None
        if event.arguments is not None:  # they take the place of their pieces
            self._count_arguments(call, size_bytes(event.arguments) - call.size_bytes)
        if isinstance(closed := self._calls.close(call, event, self.limits.values_max), str):
            self.incomplete_calls += closed not in (TOLD_AGAIN, event.voided)
            self._held_bytes -= self._held.remove(call)
            return ToolCallCancel(call.id, call.name, closed)
        self._count(self._held.complete(call, closed))
        return self.ready.pop(0) if self.ready else None

    def _end_again(self, call: CallParts, event: BlockStop) -> None:
        self._held_bytes -= call.held_bytes
        if not self._calls.close_again(call, event, self.limits.values_max):
            self._note(f"call '{named(call.id)}' once more, and another one; expected the same or another id")

    def _fold_server_tool(self, event: ServerToolStarted) -> None:
        self._close_blocks()
        self.server_tool = event.name
        self._server_tools_open += 1

    def _fold_opaque(self, event: OpaqueBlockReceived) -> None:
        self._close_blocks()
        self._hold(event.block)
        self._count(opaque_bytes(event.block))
        if event.closes_server_tool:  # they may nest
            self._server_tools_open = max(self._server_tools_open - 1, 0)
            self.server_tool = self.server_tool if self._server_tools_open else None

    def _fold_usage(self, event: UsageReport) -> Event | None:
        self.usage, odd = apply_report(self.usage, event)
        self.odd_usage += odd
        self.usage_reported = True
        self.service_tier = event.service_tier or self.service_tier
        return UsageUpdate(self.total_usage)

    def _fold_stop(self, event: StopReported) -> None:
        self.stop = event

    def _fold_response(self, event: ResponseStarted) -> None:
        self.response_id = event.response_id or self.response_id
        self.model = event.model or self.model

    def _fold_cursor(self, event: CursorMoved) -> None:
        self.cursor = None if event.is_too_long else event.cursor

    def _close_blocks(self) -> None:
        self._open_reasoning = self._open_text = None

    def _hold(self, block: Held) -> None:
        self._held.append(block)
        self._bound("blocks", "blocks", len(self._held), self.limits.blocks_max)

    def _count(self, size: int) -> None:
        self._held_bytes += size
        if self._held_bytes > self._bytes_max:
            self._bound("text, reasoning, calls and opaque blocks", "bytes", self._held_bytes, self._bytes_max)

    def _size(self, text: str) -> int:
        """Count the bytes of a text; one wide character makes all that it is joined with as wide in memory."""
        if text.isascii():
            return len(text)
        self._bytes_max = min(self._bytes_max, self.limits.text_bytes_max // width_of(text))
        return size_bytes(text)

    def _note(self, defect: str) -> None:
        self.defect = self.defect or defect

    def _bound(self, what: str, unit: str, seen: int, limit: int) -> None:
        if seen > limit:
            self.is_over_limit = self.is_over_limit or self.defect is None
            self._note(f"{what}: {seen} {unit} seen, {limit} is the limit (Policy.limits); what was received is kept")

    _folds: ClassVar[dict[type, Callable[..., Event | None]]] = {  # each fold takes the type it stands under
        TextDelta: _fold_text, ReasoningDelta: _fold_reasoning, ToolCallStart: _fold_call_start,
        ToolCallDelta: _fold_call_delta, BlockStop: _fold_block_stop, ReasoningSignature: _fold_signature,
        RedactedReasoning: _fold_redacted, ServerToolStarted: _fold_server_tool, OpaqueBlockReceived: _fold_opaque,
        UsageReport: _fold_usage, StopReported: _fold_stop, ResponseStarted: _fold_response, CursorMoved: _fold_cursor,
        **dict.fromkeys((AnswerRestarted, StreamFailed, KeepAlive, ProviderStatus), lambda *_: None),
    }  # fmt: skip

    # -- attempts -------------------------------------------------------------------------------------------------

    def begin_attempt(self, *, reattaches: bool = False) -> None:
        """Begin an attempt, and with it a generation, to whose beginning `rewind` comes back.

        One that `reattaches` goes on with the generation under way: its usage, its cursor and what is open.
        """
        self._held.begin_attempt(reattaches=reattaches)
        self._held_bytes -= self._calls.begin_attempt(reattaches=reattaches)
        if reattaches:
            return
        self._limited_before = (self._held_bytes, self.calls_started)
        self._continues = bool(len(self._held))
        self.stop = self.cursor = self.response_id = None
        self.said_bytes = self.wasted_bytes = 0
        self.usage, self.usage_reported = NO_USAGE, False

    def end_attempt(self, usage: TokenUsage | None = None) -> tuple[TokenUsage, bool]:
        """End the attempt, and its generation with it; return its usage, and whether its output had to be estimated.

        One whose generation will be read on is not ended: the one that reads it to its end is told all of its usage.
        For an attempt that is read back from a journal, `usage` is what the ledger already says.
        """
        is_final = self.stop is not None and self.usage_reported
        ended, is_estimated = settle_usage(self.usage, self.said_bytes + self.wasted_bytes, is_final=is_final)
        self.usage_before += (ended := ended if usage is None else usage)
        self._tokens_before += max(ended.output - tokens_of_bytes(self.wasted_bytes), 0)
        self.said_bytes = self.wasted_bytes = 0  # from here on they count in the tokens before, and only there
        self.usage = NO_USAGE
        if self._open_reasoning is not None:
            self._held_bytes += self._open_reasoning.sign(None)
            self._open_reasoning = None
        return ended, is_estimated

    def cancel_open_calls(self, reason: str) -> list[ToolCallCancel]:
        """Forget the calls under way; return what the consumer is told about each."""
        self._held_bytes -= sum(map(self._held.remove, self._calls.under_way.values()))
        return self._calls.cancel(reason)

    def take_ready(self, *, is_over: bool = False) -> list[ToolCallReady]:
        """Take the whole calls that waited for one before them; all of them, once the attempt `is_over`."""
        return self._calls.release_waiting() if is_over else self._calls.take_ready()

    def reset(self) -> None:
        """Drop everything said (a `StreamReset`); the ledger stays. Not once a call was released."""
        self._forget_open()
        self._calls.clear()
        self._held.clear()
        self.cursor, self._limited_before = None, (0, 0)
        self._held_bytes = self.calls_started = self._tokens_before = 0

    def rewind(self) -> bool:
        """Drop what this generation said; False, and nothing dropped, if a call was already released."""
        if self._calls.has_completed:
            return False
        self._forget_open()
        self._open_text = self._held.cut_back()
        self.cursor = None  # it may stand after what was dropped
        self._held_bytes, self.calls_started = self._limited_before  # the limits are on what is held
        self.wasted_bytes += self.said_bytes
        self.said_bytes, self.stop = 0, None
        return True

    def _forget_open(self) -> None:
        self._close_blocks()
        self._calls.under_way.clear()
        self.server_tool, self._server_tools_open = None, 0

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def total_usage(self) -> TokenUsage:
        """Usage of all attempts so far."""
        return self.usage if self.usage_before is NO_USAGE else self.usage_before + self.usage

    def snapshot(self) -> InterruptSnapshot:
        """Freeze what the run holds. Cost: linear in what was said, as one copy, and in the blocks."""
        blocks = self.blocks()
        wasted = tokens_of_bytes(self.wasted_bytes)
        tokens = self._tokens_before + max(self.usage.output - wasted, tokens_of_bytes(self.said_bytes))
        return InterruptSnapshot(
            text=self._held.text,
            completed_tool_calls=self.completed_calls,
            in_flight_tools=self._calls.in_flight(),
            reasoning="".join(block.text for block in blocks if isinstance(block, ReasoningBlock)),
            blocks=blocks,
            bytes_received=self.bytes_received,
            cursor=self.cursor,
            output_tokens=tokens if blocks or self._calls.under_way else None,
            server_tool_in_flight=self.server_tool,
        )

    def final_stop(self) -> tuple[StopReason, str | None]:
        """Why the answer ended, and the provider's own word for it."""
        reason, word = (None, None) if self.stop is None else (self.stop.reason, self.stop.word)
        return final_reason(reason, has_calls=self._calls.has_completed), word
