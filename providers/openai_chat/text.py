"""What an answer says, text and reasoning, in the order it is said: half characters joined, `<think>` tags split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ...engine.core.stream_events import ReasoningDelta, TextDelta
from ..wire.surrogates import SurrogateJoiner
from ..wire.think_tags import EveryThoughtSplitter, ThinkTagSplitter

Said: TypeAlias = TextDelta | ReasoningDelta


class Speech:
    """The text and reasoning of one response. `tags` splits thoughts off the text, where they are written into it."""

    __slots__ = ("_joiner", "_kind", "_tags")

    def __init__(self, tags: ThinkTagSplitter | None = None) -> None:
        self._tags = tags
        self._joiner = SurrogateJoiner()
        self._kind: type[TextDelta] | type[ReasoningDelta] = TextDelta

    @property
    def is_held(self) -> bool:
        """Whether the next text can not be said as it comes: half a character waits, or a tag may follow."""
        return bool(self._joiner.held) or self._tags is not None

    def say(self, text: str) -> Iterator[Said]:
        """Say a piece of the text."""
        if self._tags is None:
            yield from self._say(TextDelta, text)
        elif text:
            tags = self._tags
            for is_thought, piece in tags.split(text):
                yield from self._say(ReasoningDelta if is_thought else TextDelta, piece)
            if tags.is_settled:
                self._tags = None

    def reason(self, text: str) -> Iterator[Said]:
        """Say a piece of reasoning that came as such: the server separates, so no tag is looked for from here on.

        Where tags may stand anywhere, they may stand behind it, too.
        """
        if text and self._tags is not None:
            yield from self.release()
            self._tags = self._tags if isinstance(self._tags, EveryThoughtSplitter) else None
        yield from self._say(ReasoningDelta, text)

    def release(self) -> Iterator[Said]:
        """Say what waited for a tag that does not come. Half a character waits on: its other half may be asked for."""
        if self._tags is not None:
            tags = self._tags
            for is_thought, piece in tags.rest():
                yield from self._say(ReasoningDelta if is_thought else TextDelta, piece)
            if tags.is_settled:
                self._tags = None

    def flush(self) -> Iterator[Said]:
        """Say all that waits: something else follows."""
        yield from self.release()
        if rest := self._joiner.flush():
            yield self._kind(rest)

    def _say(self, kind: type[TextDelta] | type[ReasoningDelta], text: str) -> Iterator[Said]:
        if not text:
            return
        if kind is not self._kind:
            if rest := self._joiner.flush():
                yield self._kind(rest)
            self._kind = kind
        if whole := self._joiner.take(text):
            yield kind(whole)
