"""The stream of Anthropic's Messages API as stream events.

Rules:
- Blocks are keyed by index and start in order: 0, 1, 2 … Another order, a jump, an index used again and the stop of a
  block that is not open are counted, for nothing is ambiguous (omlx#1353; anthropic-sdk-typescript#879). A second start
  of an open block, or a delta of one that is not, is a defect. An id used again is no call's (Kimi: nanobot#4473).
- A second `message_start` after content is a gateway's splice: what was said is void (recorded once).
- `message_stop` completes the answer; nothing after it counts, not even an error. Gateways add `data: [DONE]`. Without
  it a stop reason with every block closed does, unless more was said behind it (some proxies drop the last bytes of
  every body: sudoprivacy/sudocode#576).
- A stop reason that names a failure is one; one that nobody knows ends an answer as `OTHER`, if the body ends in order.
- A call that is still open is closed by a stop reason that says that the model went on, if its arguments are an object.
  At the end it is cut when the answer was cut; otherwise the end is a defect.
- A call that was closed without input may be one that the ceiling cut before its first parameter. Its stop waits until
  another block starts, or a stop reason says that the model went on; at any other end it is cut. So does a server-side
  tool without a whole input, which is then left out.
- Unknown events, deltas and fields are counted in `ignored` and change nothing (the API's versioning policy).

Theory of the hot path: three of four events are a delta of text or reasoning whose string holds no escape. The first
one of a block is parsed, and matched against one static expression; the JSON grammar leaves such a frame one reading,
and the index and kind are compared with the open block. What stands before its text is kept: a frame that begins with
it, goes on with a string that stands for itself and ends in the two braces fits the same expression, so the two ways
can not differ. Everything else is parsed. *Cost*: 1.2 µs an event beyond framing, 1.5 if each is matched, 4 and more if
each is parsed (CPython 3.11).

Source: wire-formats §1.2 to §1.4 (2026-11).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from ...engine.core.failures import Failure
from ...engine.core.framing import ServerSentEvent, SSEReader
from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.policy import Limits
from ...engine.core.printable import named
from ...engine.core.stream_events import (
    AnswerRestarted,
    BlockStop,
    KeepAlive,
    ReasoningDelta,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
)
from ...engine.core.usage import UsageReport
from ..error_table.classify import is_complaint
from ..wire.call_bounds import CallIds, key_of
from ..wire.finish_words import fault_of, is_fault, says_nothing
from ..wire.frames import FrameReader, bare_frames
from ..wire.json import count_at, name_at, object_at, text_at
from ..wire.untyped import NO_KIND
from .blocks import OpenBlock, open_block
from .ending import FINISHING_STOPS, Ending, reason_of
from .usage import Counts

_PLAIN_DELTA = re.compile(
    r'\{"type": ?"content_block_delta", ?"index": ?(0|[1-9][0-9]{0,5}), ?'
    r'"delta": ?\{"type": ?"(text|thinking)_delta", ?"\2": ?"([^"\\\x00-\x1f]+)" *\} *\} *'
)
"""A delta with nothing to unescape, in the orders and spacings that were recorded. Groups: index, kind, text."""

_PLAIN_EVENTS: dict[str, type[TextDelta] | type[ReasoningDelta]] = {"text": TextDelta, "thinking": ReasoningDelta}
_NO_PLAIN_BLOCK = ("", "")
_TOLD_MAX = 8  # open blocks that a message names
_NO_HEAD = "\0"  # what no frame begins with that is JSON


class AnthropicDecoder:
    """One response of the Messages API, from bytes to events. Fed any cut of the bytes, it makes the same events.

    Args:
        origin: who signs the reasoning, "anthropic/<model>"; it is written on opaque blocks.
        limits: bounds on lines, events, calls, blocks and arguments; beyond them the stream is defective.
        read_error: names the error of an `error` event.
        is_fast: False parses every frame; for the test that proves that it makes no difference.
    """

    def __init__(
        self, origin: str, limits: Limits, *, read_error: Callable[[JSONValue], Failure], is_fast: bool = True
    ) -> None:
        self.is_complete: bool = False
        self.is_cut: bool = False
        self.defect: str | None = None
        self._ignored: Counter[str] = Counter()
        self._origin = origin
        self._limits = limits
        self.frame_reader: FrameReader = FrameReader(limits.values_max, self._ignored)
        self._read_error = read_error
        self._reader = SSEReader(line_bytes_max=limits.line_bytes_max, event_bytes_max=limits.event_bytes_max)
        self._match = _PLAIN_DELTA.fullmatch if is_fast else _match_nothing
        self._plain_block = _NO_PLAIN_BLOCK
        self._head = _NO_HEAD
        self._plain_event: type[TextDelta] | type[ReasoningDelta] = TextDelta
        self._is_over = False
        self._is_started = False
        self._held = HeldBytes(limits.held_bytes_max)
        self._blocks: dict[int, OpenBlock] = {}
        self._unsure: list[OpenBlock] = []
        self._blocks_started = self._index_next = 0
        self._call_ids, self._response_key = CallIds(limits), ""
        self._counts = Counts()
        self._ending = Ending()

    @property
    def ignored(self) -> Counter[str]:
        """What was not understood and changed nothing (frames, events and deltas), by kind."""
        return self._ignored + bare_frames(self._reader)

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events that they complete. Never raises."""
        events: list[StreamEvent] = []
        for frame in self._reader.feed(data):
            head = self._head
            if frame.data.startswith(head):
                text, _, rest = frame.data[len(head) :].partition('"')
                # Some text that is not printable is parsed without need: no test for control characters is cheaper.
                if text and text.isprintable() and "\\" not in text and rest.replace(" ", "") == "}}":
                    events.append(self._plain_event(text))
                    continue
            self._take(frame, events)
        if self._reader.defect is not None and not self._is_over:
            self._break(self._reader.defect)
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body; a last event without its blank line counts if its JSON is whole (recorded)."""
        return self._close(is_broken=False)

    def close_broken(self) -> Sequence[StreamEvent]:
        """Take that the connection broke: behind a stop reason that is known, the answer is complete all the same."""
        return self._close(is_broken=True)

    def _close(self, *, is_broken: bool) -> Sequence[StreamEvent]:
        cut = self._reader.close()
        events: list[StreamEvent] = []
        if cut is not None and not self._is_over:
            if self.frame_reader.is_half(cut.data):
                self.is_cut = bool(cut.data.strip())
                if "content_block" in cut.event + cut.data:
                    self._ending.say_more()
            else:
                self._take(cut, events)
        if not (self._is_over or self._blocks) and self._ending.counts_at_end(is_broken=is_broken):
            events.extend(self._cut_unsure())
            self.is_complete = True
        self.is_cut = self.is_cut or bool(self._blocks)
        self._end()
        return events

    def _take(self, frame: ServerSentEvent, events: list[StreamEvent]) -> None:
        """Read one frame; a defect found half-way keeps the events before it."""
        if self._is_over:
            self._ignored[Ignored.AFTER_END] += 1
            return
        content = self.frame_reader.read(frame.data)
        if content is None:
            events.append(KeepAlive())
        elif not isinstance(content, str):
            events.extend(self._read(text_at(content, "type") or frame.event, content))
            self._learn_head(frame.data)
        elif frame.data.strip() == "[DONE]":
            self._ignored[Ignored.AFTER_END] += 1
        elif self._ending.counts_at_end(is_broken=False) and not self._blocks:  # nothing of the answer
            self._ignored[Ignored.BROKEN_FRAME] += 1
        else:
            self._break(content)

    def _read(self, kind: str, content: JSONObject) -> Iterable[StreamEvent]:
        match kind:
            case "content_block_delta":
                return self._delta(content)
            case "content_block_start":
                return self._block_start(content)
            case "content_block_stop":
                return self._block_stop(content)
            case "message_start":
                return self._message_start(content)
            case "message_delta":
                return self._message_delta(content)
            case "message_stop":
                return self._message_stop()
            case "ping":
                return (KeepAlive(),)
            case "error":
                self._end()
                return (StreamFailed(self._read_error(content.get("error", content))),)
            case _ if content.get("error") or (kind in NO_KIND and is_complaint(content)):
                return self._read("error", content)
            case _ if kind in NO_KIND and "index" in content and ("delta" in content or "content_block" in content):
                self._ignored[Ignored.UNTYPED] += 1
                return self._delta(content) if "delta" in content else self._block_start(content)
            case _:
                self._ignored[Ignored.UNKNOWN_EVENT] += 1
                return ()

    def _message_start(self, content: JSONObject) -> Iterator[StreamEvent]:
        message = object_at(content, "message")
        if self._blocks_started:
            yield AnswerRestarted()
            self._blocks.clear()
            self._unsure.clear()
            self._held = HeldBytes(self._limits.held_bytes_max)
            self._call_ids.clear()
            self._counts = Counts()
            self._blocks_started = self._index_next = 0
            self._note_no_plain()
            self._ending = Ending()
        self._is_started = True
        self._response_key = key_of(name_at(message, "id"))
        yield ResponseStarted(name_at(message, "id"), name_at(message, "model"))
        yield from self._report_usage(object_at(message, "usage"))

    def _block_start(self, content: JSONObject) -> Iterator[StreamEvent]:
        index, start = count_at(content, "index"), object_at(content, "content_block")
        self._ending.say_more()
        block = open_block(start, self._origin, self._limits, self._held)
        if not self._is_started:
            self._break("seen content_block_start; expected message_start first")
            return
        if index is None or index < 0 or index in self._blocks:
            self._break(f"seen content block {named(index)}; expected an index that is not open: {self._index_next}")
            return
        if block is None:
            self._break("seen content_block_start without a block that can be named; expected its type, id, name")
            return
        if self._blocks_started >= self._limits.blocks_max:
            self._break(f"seen more than {self._limits.blocks_max} blocks; expected at most that (blocks_max)")
            return
        if block.is_call and not self._admit_call(block):
            return
        if block.defect is not None:
            self._break(block.defect)
            return
        yield from self._close_unsure()
        if self._is_over:
            return
        self._blocks_started += 1
        self._ignored[Ignored.INDEX_ODD] += index != self._index_next
        self._index_next = index + 1
        self._blocks[index] = block
        yield from block.open_events(start)
        self._note_plain(index, block)

    def _admit_call(self, block: OpenBlock) -> bool:
        block.id, block.repeats = self._call_ids.choose(block.id, self._response_key or key_of(block.id))
        self._ignored[Ignored.CALL_ID_AGAIN] += block.repeats is not None
        self._held.hold(len(block.id))
        if (defect := self._call_ids.admit(block.id)) is not None:
            self._break(defect)
        return not self._is_over

    def _delta(self, content: JSONObject) -> Iterator[StreamEvent]:
        index = count_at(content, "index")
        block = None if index is None else self._blocks.get(index)
        if index is None or block is None:
            some_open = named(list(islice(self._blocks, _TOLD_MAX)))  # they start in order
            self._break(f"seen a delta of block {named(index)}; expected one of the open blocks {some_open}")
            return
        delta = object_at(content, "delta")
        self._ending.say_more()
        yield from block.delta_events(delta)
        self._ignored.update(block.take_ignored())
        if block.defect is not None:
            self._break(block.defect)
            return
        self._note_plain(index, block)

    def _block_stop(self, content: JSONObject) -> Iterator[StreamEvent]:
        index = count_at(content, "index")
        block = None if index is None else self._blocks.pop(index, None)
        if block is None:
            self._ignored[Ignored.STOP_UNKNOWN] += 1
            return
        self._note_no_plain()
        if block.is_unsure:
            self._unsure.append(block)
        else:
            yield from self._close_block(block)

    def _close_block(self, block: OpenBlock) -> Iterator[StreamEvent]:
        yield from block.close_events()
        self._ignored.update(block.take_ignored())
        if block.defect is not None:
            self._break(block.defect)

    def _close_unsure(self) -> Iterator[StreamEvent]:
        """Close what was whole after all: something followed it."""
        unsure, self._unsure = self._unsure, []
        for block in unsure:
            if not self._is_over:
                yield from self._close_block(block)

    def _close_whole(self) -> Iterator[StreamEvent]:
        """Close the calls whose stop did not come, and whose arguments are whole."""
        for index, block in list(self._blocks.items()):
            if block.is_call and block.is_whole and not self._is_over:
                self._ignored[Ignored.STOP_MISSING] += 1
                del self._blocks[index]
                yield from self._close_block(block)

    def _cut_unsure(self) -> Iterator[BlockStop]:
        for block in self._unsure:
            if block.is_call:
                yield BlockStop(block.id, is_cut=True)
            else:
                self._ignored[Ignored.LOSSY_BLOCK] += 1

    def _note_plain(self, index: int, block: OpenBlock) -> None:
        """Let the hot path serve this block, unless half a character waits in it."""
        plain_block = (str(index), block.kind)
        if block.kind not in _PLAIN_EVENTS or block.is_holding:
            self._note_no_plain()
        elif plain_block != self._plain_block:
            self._plain_block = plain_block
            self._plain_event = _PLAIN_EVENTS[block.kind]
            self._head = _NO_HEAD

    def _note_no_plain(self) -> None:
        self._plain_block = _NO_PLAIN_BLOCK
        self._head = _NO_HEAD

    def _learn_head(self, data: str) -> None:
        """Keep what stands before the text, if this was a plain delta of the open block."""
        plain = self._match(data)
        if plain is not None and plain.group(1, 2) == self._plain_block:
            self._head = data[: plain.start(3)]

    def _message_delta(self, content: JSONObject) -> Iterator[StreamEvent]:
        if not self._is_started:
            self._break("seen message_delta; expected message_start first")
            return
        word = name_at(object_at(content, "delta"), "stop_reason")
        if (reason := reason_of(word)) in FINISHING_STOPS:
            yield from self._close_unsure()
            yield from self._close_whole()
        if self._is_over:
            return
        yield from self._report_usage(object_at(content, "usage"))
        if is_fault(word):
            self._end()
            yield StreamFailed(self._read_error(fault_of(word, "stop reason")))
        elif says_nothing(word):
            self._ignored.update([Ignored.NO_REASON] if word else ())
        else:
            self._ending.reason = reason
            self._note_no_plain()  # what comes behind it is looked at
            yield StopReported(reason, word)

    def _message_stop(self) -> Iterator[StreamEvent]:
        if not self._is_started:
            self._break("seen message_stop; expected message_start first")
            return
        for block in self._blocks.values():
            if block.is_call and not self._ending.may_cut_calls:
                self._break("seen message_stop while a call is open; expected its content_block_stop first")
                return
            if block.is_call:
                yield BlockStop(block.id, is_cut=True)
            elif block.kind in _PLAIN_EVENTS:
                yield from block.close_events()
        yield from self._cut_unsure()
        self.is_complete = True
        self._end()

    def _report_usage(self, usage: JSONObject) -> Iterator[UsageReport]:
        report = self._counts.merge(usage)
        yield from () if report is None else (report,)

    def _break(self, defect: str) -> None:
        self.defect = defect
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._note_no_plain()
        self._blocks.clear()
        self._unsure.clear()


def _match_nothing(_data: str) -> None:
    return None
