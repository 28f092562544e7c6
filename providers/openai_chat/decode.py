"""The stream of OpenAI's Chat Completions, and of the many that copy it, as stream events.

Rules:
- Only choice 0 is read; others are counted in `ignored`.
- The answer is complete when a finish word that counts (`ending`) was seen and the stream ended: by `[DONE]` or by its
  end. A finish before an error proves nothing (recorded: an error chunk after the finish).
- A finish may come twice; usage may come on any chunk, before, with or after it. Text after it is text.
- OpenAI's own servers always give a finish reason; some compatible ones never do (recorded: Snowflake; Kimi at a host
  of OpenRouter's). There, `[DONE]` right after a chunk that says nothing but the final counts ends the answer as well.
- Comments (`: keep-alive`) prove that a compatible server lives, in the order they came.
- Counts in an error chunk are reported before the failure: they are paid for.
- Refusal text is text: a person should read it. The stop is then `REFUSAL`, beside the provider's own word "stop".

Hot path: see `fast_path`. Source: wire-formats §2.2, §3 and §8 (2026-11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence

from ...engine.core.failures import Failure
from ...engine.core.framing import ServerSentEvent, SSEReader
from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.policy import Limits
from ...engine.core.stream_events import (
    BlockStop,
    KeepAlive,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
)
from ..wire.finish_words import says_nothing
from ..wire.frames import FrameReader, bare_frames
from ..wire.json import count_at, list_at, name_at, object_at, text_at
from ..wire.spoken import NOT_TEXT, spoken_at
from ..wire.think_tags import ThinkTagSplitter
from .chunk import (
    PLAIN_EVENTS,
    error_of,
    is_end_mark,
    is_first,
    is_silent,
    pieces_of,
    plain_key,
    reasoning_of,
    report,
    says_calls,
    says_text,
    usage_of,
)
from .comments import at_comments
from .ending import Ending, Finish, stop_reason_of
from .fast_path import learn
from .reasoning_details import DetailTracker, details_of
from .text import Speech
from .tool_calls import CallTracker

_PATIENCE_MAX = 64
"""Plain chunks that are parsed before another shape is learned, at most: learning costs two parsings."""


class OpenAIChatDecoder:
    """One response of Chat Completions, from bytes to events. Fed any cut of the bytes, it makes the same events.

    Args:
        limits: bounds on lines, events, calls and arguments; beyond them the stream is defective.
        read_error: names the error of an error chunk.
        is_compatible: the server is not OpenAI's own: it may send comments, and no finish reason.
        tags: splits thoughts off the text.
        origin: whose answer this is: what is said beside its calls is kept to go back to it.
        keeps_thoughts: that thoughts came as `reasoning_content` is kept with them, to go back so.
        has_details: `reasoning_details` are read, those whose format begins with `detail_format`.
        is_fast: False parses every chunk; for the test that proves that it makes no difference.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        read_error: Callable[[JSONValue], Failure],
        is_compatible: bool = False,
        tags: ThinkTagSplitter | None = None,
        origin: str = "",
        keeps_thoughts: bool = False,
        has_details: bool = False,
        detail_format: str = "",
        is_fast: bool = True,
    ) -> None:
        self.is_complete: bool = False
        self.is_cut: bool = False
        self.defect: str | None = None
        self._ignored: Counter[str] = Counter()
        self._read_error = read_error
        self._is_compatible = is_compatible
        self._reader = SSEReader(line_bytes_max=limits.line_bytes_max, event_bytes_max=limits.event_bytes_max)
        self._comments = 0
        self.frame_reader: FrameReader = FrameReader(limits.values_max, self._ignored)
        self._held = HeldBytes(limits.held_bytes_max)
        self._calls = CallTracker(limits, self._held, origin)
        self._speech = Speech(tags)
        self._details = DetailTracker(self._held)
        self._keeps_thoughts = keeps_thoughts
        self._detail_format = detail_format if has_details else None
        self._came_as = ""
        self._signature = ""
        self._read_plain: Callable[[str], str] = _read_nothing
        self._plain_event: type[TextDelta] | type[ReasoningDelta] = TextDelta
        self._patience_max = 0 if is_fast else -1
        self._patience = 0
        self._is_over = self._is_started = self._is_refused = self._is_counted = False
        self._ending = Ending()

    @property
    def ignored(self) -> Counter[str]:
        """What was not understood and changed nothing (frames, choices and parts), by kind."""
        return self._ignored + self._calls.ignored + bare_frames(self._reader)

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events that they complete. Never raises."""
        # Where a comment begins, so that it keeps its place (after a BOM it is in any case the first). Most reads are
        # one event, whose only LFs are its last two: to look for one byte costs a third of looking for two.
        if self._is_compatible and (
            data[:1] == b":"
            or (data.find(b"\n") != len(data) - 2 and b"\n:" in data)
            or (b"\r" in data and b"\r:" in data)
        ):
            return [event for piece in at_comments(data, self._reader) for event in self._feed(piece)]
        return self._feed(data)

    def _feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        frames = self._reader.feed(data)
        if self._reader.comments != self._comments:  # never behind the end of an event in `data`
            if self._is_compatible and not self._is_over:
                events += [KeepAlive()] * (self._reader.comments - self._comments)
            self._comments = self._reader.comments
        for frame in frames:
            text = self._read_plain(frame.data)
            if text:
                events.append(self._plain_event(text))
            else:
                self._take(frame, events)
        if self._reader.defect is not None and not self._is_over:
            self._break(self._reader.defect)
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body. After a finish it completes the answer: several servers send no `[DONE]`."""
        return self._close(is_broken=False)

    def close_broken(self) -> Sequence[StreamEvent]:
        """Take that the connection broke: after a finish that counts, the answer is complete all the same."""
        return self._close(is_broken=True)

    def _close(self, *, is_broken: bool) -> Sequence[StreamEvent]:
        cut = self._reader.close()
        events: list[StreamEvent] = []
        if cut is not None and not self._is_over:
            if is_end_mark(cut.data, is_cut=True):
                events.extend(self._done())
            elif self.frame_reader.is_half(cut.data):
                self.is_cut = bool(cut.data.strip())
            else:
                self._take(cut, events)
        if not self._is_over:
            events.extend(self._stop(has_mark=False, is_broken=is_broken))
        self._end()
        return events

    def _take(self, frame: ServerSentEvent, events: list[StreamEvent]) -> None:
        """Read one frame; a defect found half-way keeps the events before it."""
        if self._is_over:
            self._ignored[Ignored.AFTER_END] += 1
            return
        if is_end_mark(frame.data):
            events.extend(self._done())
            return
        chunk = self.frame_reader.read(frame.data)
        if chunk is None:
            events.append(KeepAlive())
        elif isinstance(chunk, str):
            if not self._ending.counts_at_end(are_calls_whole=self._calls.are_whole, is_broken=False):
                self._break(chunk)
            self._ignored[Ignored.BROKEN_FRAME] += not self._is_over
        elif error := error_of(frame, chunk):
            events.extend(self._fail(chunk, error))
        else:
            events.extend(self._chunk(frame.data, chunk))
        if self.defect is None and (defect := self._calls.defect or self._held.defect) is not None:
            self._break(defect)

    def _done(self) -> Iterator[StreamEvent]:
        """Take `[DONE]`, which the server wrote because it had nothing more to write."""
        if self._ending.last is not None:
            yield from self._stop(has_mark=True)
        elif self._is_counted or self._calls.has_calls:
            is_whole = self._is_counted or self._calls.are_whole
            yield from self._close_all(is_cut=True, spares_objects=True)
            self.is_complete = is_whole and self._calls.defect is None
        else:
            yield from self._speech.release()
        self._end()

    def _fail(self, chunk: JSONObject, error: JSONValue) -> Iterator[StreamEvent]:
        yield from self._speech.release()
        yield from report(usage_of(chunk), chunk)
        self._end()
        yield StreamFailed(self._read_error(error))

    def _chunk(self, data: str, chunk: JSONObject) -> Iterator[StreamEvent]:
        choices = list_at(chunk, "choices")
        if not self._is_started and (text_at(chunk, "id") or choices):
            self._is_started = True
            self._ending.response_id = name_at(chunk, "id")
            self._calls.response_key = self._ending.response_id or str(count_at(chunk, "created") or "")
            yield ResponseStarted(self._ending.response_id, name_at(chunk, "model"))
        elif self._ending.is_of_another(name_at(chunk, "id")) and not is_silent(choices):
            self._break("seen another answer behind a finish_reason; expected one answer")
            return
        for choice in choices:
            if isinstance(choice, dict) and is_first(choice):
                yield from self._choice(choice)
            else:
                self._ignored[Ignored.OTHER_CHOICE] += 1
        if self._speech.is_held:
            self._read_plain = _read_nothing  # what comes next joins what waits
        usage = usage_of(chunk)
        self._is_counted = self._is_compatible and bool(count_at(usage, "completion_tokens")) and is_silent(choices)
        if usage:
            yield from report(usage, chunk)
        elif self._patience_max >= 0:
            self._study(data, chunk, choices)

    def _choice(self, choice: JSONObject) -> Iterator[StreamEvent]:
        delta = object_at(choice, "delta")
        has_text, has_calls = says_text(delta), says_calls(delta)
        if has_text or has_calls:
            self._ending.say_more()
        for said in (self._reasoning(delta), self._content(delta), self._refusal(delta), self._tool_calls(delta)):
            yield from said
            if self._is_over or self._calls.defect is not None:
                return
        if word := name_at(choice, "finish_reason"):
            yield from self._finish(choice, word, has_text=has_text, has_calls=has_calls)

    def _reasoning(self, delta: JSONObject) -> Iterator[StreamEvent]:
        said = False
        for detail in details_of(delta, self._detail_format, self._ignored):
            said = (yield from self._detail(detail)) or said
        if not said and (plain := self._sure(reasoning_of(delta))):
            if self._keeps_thoughts and not self._came_as and spoken_at(delta, "reasoning_content"):
                self._read_plain = _read_nothing  # the next text has to close the thought
                self._came_as = "reasoning_content"
            yield from self._speech.reason(plain)

    def _detail(self, detail: JSONObject) -> Generator[StreamEvent, None, bool]:
        """Take one of the `reasoning_details`; return whether it said anything."""
        self._read_plain = _read_nothing  # the next text has to close the thought
        if not self._details.continues(detail):
            yield from self._close_thought()
        text = self._sure(self._details.add(detail))
        yield from self._speech.reason(text)
        return bool(text)

    def _content(self, delta: JSONObject) -> Iterator[StreamEvent]:
        content = delta.get("content")
        if isinstance(content, str):
            yield from self._say(content)
            return
        for piece in pieces_of(content):
            match piece:
                case TextDelta(text):
                    yield from self._say(text)
                case ReasoningDelta(text):
                    yield from self._speech.reason(text)
                    self._read_plain = _read_nothing
                case ReasoningSignature(signature):
                    self._sign(signature)
                case Ignored():
                    self._ignored[piece] += 1
                case None:
                    self._break(NOT_TEXT)
                    return

    def _refusal(self, delta: JSONObject) -> Iterator[StreamEvent]:
        if refusal := self._sure(spoken_at(delta, "refusal")):
            self._is_refused = True
            yield from self._say(refusal)

    def _sure(self, text: str | None) -> str:
        if text is None:
            self._break(NOT_TEXT)
        return "" if text is None or self._is_over else text

    def _sign(self, signature: str) -> None:
        """Take what signs the thought, in the place of what signed it before."""
        self._held.release(len(self._signature))
        self._held.hold(len(signature))
        self._signature = signature
        self._read_plain = _read_nothing

    def _say(self, text: str) -> Iterator[StreamEvent]:
        if text and (self._details.is_open or self._signature or self._came_as):
            yield from self._close_thought()
        yield from self._speech.say(text)

    def _close_thought(self) -> Iterator[StreamEvent]:
        """Commit what signs the thought, if anything does: only now is it sure that it is whole."""
        yield from self._speech.flush()
        yield from self._details.close()
        if self._signature:
            yield ReasoningSignature(self._signature)
            yield BlockStop()
            self._held.release(len(self._signature))
        elif self._came_as:
            yield BlockStop(came_as=self._came_as)
        self._signature = self._came_as = ""

    def _close_all(self, *, is_cut: bool, spares_objects: bool = False) -> Iterator[StreamEvent]:
        yield from self._close_thought()
        yield from self._calls.close(is_cut=is_cut, spares_objects=spares_objects)

    def _tool_calls(self, delta: JSONObject) -> Iterator[StreamEvent]:
        fragments = list(list_at(delta, "tool_calls"))
        if legacy := object_at(delta, "function_call"):
            fragments.append({"index": -1, "function": legacy})
        if fragments:
            yield from self._close_thought()
        for fragment in fragments:
            if self._calls.defect is not None:
                return
            if isinstance(fragment, dict):
                yield from self._calls.take(fragment)
            else:
                self._ignored[Ignored.UNKNOWN_PART] += 1

    def _finish(self, choice: JSONObject, word: str, *, has_text: bool, has_calls: bool) -> Iterator[StreamEvent]:
        if says_nothing(word):
            self._ignored[Ignored.NO_REASON] += 1
            return
        self._read_plain = _read_nothing  # what comes behind it is looked at
        finish = Finish.read(word, text_at(choice, "native_finish_reason"))
        if finish.fault is not None:
            yield from self._close_all(is_cut=True)
            if self._calls.defect is None:
                self._end()
                yield StreamFailed(self._read_error(finish.fault))
        elif not self._ending.counts and self._ending.take(finish, has_text=has_text, has_calls=has_calls):
            yield from self._close_for(finish, spares_objects=finish.spares_objects(has_mark=False))

    def _close_for(self, finish: Finish, *, spares_objects: bool) -> Iterator[StreamEvent]:
        """Close all that is open at a finish word, and say why the answer ended."""
        yield from self._close_all(is_cut=not finish.is_whole, spares_objects=spares_objects)
        if self._calls.defect is None:
            reason = stop_reason_of(finish, has_calls=self._calls.has_calls, is_refused=self._is_refused)
            yield StopReported(reason, finish.word)

    def _stop(self, *, has_mark: bool, is_broken: bool = False) -> Iterator[StreamEvent]:
        """End the answer by its last finish word, if that counts: it has waited for this, or was told when it came."""
        counts = has_mark or self._ending.counts_at_end(are_calls_whole=self._calls.are_whole, is_broken=is_broken)
        finish = self._ending.last if counts else None
        if finish is not None and not self._ending.counts:
            yield from self._close_for(finish, spares_objects=finish.spares_objects(has_mark=has_mark))
        else:
            yield from self._speech.release()
        self.is_complete = finish is not None and self._calls.defect is None

    def _study(self, data: str, chunk: JSONObject, choices: Sequence[JSONValue]) -> None:
        """Learn the shape of a plain chunk, seldom enough that a server whose chunks all differ costs little more."""
        if self._is_over or self._ending.last is not None or self._speech.is_held or not (key := plain_key(choices)):
            return
        if self._patience > 0:
            self._patience -= 1
            return
        shape = learn(data, chunk, key)
        self._plain_event = PLAIN_EVENTS[key]
        self._read_plain = _read_nothing if shape is None else shape.read
        self._patience_max = min(2 * self._patience_max + 1, _PATIENCE_MAX)
        self._patience = self._patience_max

    def _break(self, defect: str) -> None:
        self.defect = defect
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._read_plain = _read_nothing


def _read_nothing(_data: str) -> str:
    return ""
