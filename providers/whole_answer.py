"""An answer in one piece, decoded by the decoder of its format's stream: rewritten as the stream that says the same.

So both obey the same laws, and what a format learns to tolerate holds for both. A whole answer is one JSON text, read
as a frame of a stream is (a key twice, counts that are none, numbers by their characters); it is bounded as an event is
(`event_bytes_max`, `values_max`), and by what a decoder may hold back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import evolve

from ..engine.core.ignored import Ignored
from ..engine.core.json_value import JSONObject, JSONValue
from ..engine.core.policy import Limits
from ..engine.core.provider import CountsIgnored, TellsEnds, WireDecoder
from ..engine.core.stream_events import StreamEvent
from .error_table.classify import is_complaint
from .wire.frames import FrameReader
from .wire.json_values import JSONValueReader
from .wire.spoken import MINUS_ZERO, WrittenNumber

_ENVELOPE_BYTES = 4096
"""How much longer than the answer a line of the stream may be that says a part of it."""


class WholeAnswerDecoder:
    """One answer in one piece, from bytes to events. Fed any cut of the bytes, it makes the same events.

    Args:
        limits: bounds on the answer.
        make_decoder: makes the decoder of the stream, for the limits it is given.
        frames_of: rewrites an answer as the bytes of a stream, event by event; None for what is no answer.
    """

    def __init__(
        self,
        limits: Limits,
        make_decoder: Callable[[Limits], WireDecoder],
        frames_of: Callable[[JSONObject], Iterator[bytes] | None],
    ) -> None:
        self.refusal: bytes | None = None
        self._limits = limits
        self._make_decoder = make_decoder
        self._frames_of = frames_of
        bytes_max = min(limits.event_bytes_max, limits.held_bytes_max)
        self._reader = JSONValueReader(value_bytes_max=bytes_max, skips_empty=False)
        self._ignored: Counter[str] = Counter()
        self.frame_reader: FrameReader = FrameReader(limits.values_max, self._ignored, is_ndjson=True)
        self._stream: WireDecoder | None = None
        self._defect: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the answer is whole: all of it has come, and it says why it ends."""
        return self._stream is not None and self._stream.is_complete

    @property
    def defect(self) -> str | None:
        """What was seen and expected instead of the answer's format."""
        return self._defect or (None if self._stream is None else self._stream.defect)

    @property
    def is_cut(self) -> bool:
        """Whether the body ended inside the answer, or inside a block of it."""
        stream: object = self._stream
        return stream is None or (isinstance(stream, TellsEnds) and stream.is_cut)

    @property
    def ignored(self) -> dict[str, int]:
        """How often each kind of thing was not understood, and changed nothing."""
        stream: object = self._stream
        return dict(self._ignored + Counter(stream.ignored if isinstance(stream, CountsIgnored) else {}))

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events of the answer once all of it is there. Never raises."""
        if self._is_over:
            self._ignored[Ignored.AFTER_END] += bool(data.strip())
            return ()
        texts = self._reader.feed(data)
        if texts:
            return self._read(texts[0])
        self._defect = self._reader.defect
        return ()

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body: an answer that was cut says nothing."""
        return ()

    def close_broken(self) -> Sequence[StreamEvent]:
        """Take that the body broke off, as `close`."""
        return ()

    @property
    def _is_over(self) -> bool:
        return self._stream is not None or self._defect is not None or self.refusal is not None

    def _read(self, text: str) -> Sequence[StreamEvent]:
        answer = self.frame_reader.read(text)
        if not isinstance(answer, dict):
            self._defect = f"an answer in one piece: {answer}"
            return ()
        frames = None if is_complaint(answer) else self._frames_of(answer)
        if frames is None:
            self.refusal = text.encode("utf-8", "replace")[: self._limits.error_body_bytes_max]
            return ()
        return self._say(frames, len(text))

    def _say(self, frames: Iterator[bytes], chars: int) -> Sequence[StreamEvent]:
        room = 4 * chars + _ENVELOPE_BYTES  # UTF-8
        limits = evolve(
            self._limits,
            line_bytes_max=max(self._limits.line_bytes_max, room),
            event_bytes_max=max(self._limits.event_bytes_max, room),
        )
        self._stream = stream = self._make_decoder(limits)
        events: list[StreamEvent] = []
        for frame in frames:
            events += stream.feed(frame)
        events += stream.close()
        return events


def event(value: JSONObject, name: str = "") -> bytes:
    """Write an event of a stream as it would have come: characters as they are, if they can be encoded."""
    named = f"event: {name}\n" if name else ""
    return f"{named}data: ".encode() + write_text(value) + b"\n\n"


def write_text(value: JSONValue) -> bytes:
    """Write JSON without making it longer, its numbers as they came; half a character has no bytes, and is escaped."""
    text = _written(value, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _written(value, ensure_ascii=True).encode()


def _written(value: JSONValue, *, ensure_ascii: bool) -> str:
    if isinstance(value, Mapping):
        pairs = (
            f"{json.dumps(key, ensure_ascii=ensure_ascii)}:{_written(each, ensure_ascii=ensure_ascii)}"
            for key, each in value.items()
        )
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join([_written(each, ensure_ascii=ensure_ascii) for each in value]) + "]"
    if isinstance(value, WrittenNumber):
        return value.written
    return "-0" if value is MINUS_ZERO else json.dumps(value, ensure_ascii=ensure_ascii)
