"""A decoder whose text is read for thoughts between tags, whatever the format: what `think_tags` is to a provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...engine.core.ignored import NOTHING_IGNORED
from ...engine.core.provider import CountsIgnored, WireDecoder
from ...engine.core.stream_events import (
    AnswerRestarted,
    CursorMoved,
    KeepAlive,
    ProviderStatus,
    ReasoningDelta,
    ResponseStarted,
    StreamEvent,
    TextDelta,
)
from ...engine.core.usage import UsageReport
from .think_tags import ThinkTags, splitter_of

_PASSED = (KeepAlive, ProviderStatus, ResponseStarted, UsageReport)
"""What says nothing of the answer: what may be half a tag waits on."""


class TaggedDecoder:
    """Hands on a decoder's events, with the thoughts taken out of its text.

    A place to read on from is none while a thought is open or half a tag waits: whoever reads on there would not know.
    """

    def __init__(self, decoder: WireDecoder, tags: ThinkTags) -> None:
        self._decoder = decoder
        self._tags_asked: ThinkTags = tags
        self._tags = splitter_of(tags)

    @property
    def is_complete(self) -> bool:
        """Whether the terminal event was seen."""
        return self._decoder.is_complete

    @property
    def defect(self) -> str | None:
        """What was seen and expected, once the bytes stopped being the wire format."""
        return self._decoder.defect

    @property
    def ignored(self) -> Mapping[str, int]:
        """How often each kind was seen that was not understood."""
        return self._decoder.ignored if isinstance(self._decoder, CountsIgnored) else NOTHING_IGNORED

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events that they complete."""
        events = self._decoder.feed(data)
        return events if self._tags is None else self._read(events)

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body; return what only the end makes sure."""
        return [*self._read(self._decoder.close()), *self._rest()]

    def _read(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        return [said for event in events for said in self._one(event)]

    def _one(self, event: StreamEvent) -> Iterator[StreamEvent]:
        tags = self._tags
        if tags is None or isinstance(event, _PASSED):
            yield event
        elif isinstance(event, TextDelta):
            yield from _said(tags.split(event.text))
        elif isinstance(event, CursorMoved):
            yield CursorMoved(None) if tags.is_midway else event
        else:
            yield from self._rest()
            if isinstance(event, AnswerRestarted):
                self._tags = splitter_of(self._tags_asked)
            elif isinstance(event, ReasoningDelta) and self._tags_asked != "anywhere":
                self._tags = None  # the server separates
            yield event

    def _rest(self) -> Iterator[StreamEvent]:
        return _said(self._tags.rest()) if self._tags is not None else iter(())


def _said(pieces: Iterator[tuple[bool, str]]) -> Iterator[StreamEvent]:
    return (ReasoningDelta(text) if is_thought else TextDelta(text) for is_thought, text in pieces if text)
