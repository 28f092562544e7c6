"""Thoughts that a model writes into its text, between `<think>` and `</think>`, taken apart again as they stream.

Rules:
- *Only the very start counts*, white space before it aside: a tag further on is text that talks about tags. There is
  one thought; what follows it is text to the end.
- *Nothing is lost*: reasoning and text, joined, are the input less at most one tag of each kind. White space before the
  opening tag belongs to the thought.
- *A thought that is never closed* is all there is: the answer was cut inside it.
- *A closing tag at the very start* closes an empty thought (servers told not to think write it so).
- *An opening tag that the chat template wrote* (DeepSeek-R1, QwQ, Qwen3-Thinking) never reaches the text. No one can
  see that before the closing tag, so it must be said: `is_open`. Without it, text before a late `</think>` stays text.
- *Anywhere and more than once* is a switch (`think_tags="anywhere"`), for models that speak first or think again: each
  `<think>` then opens a thought, and text about tags is not told from one. A closing tag alone stays text.

Source: vLLM `reasoning/basic_parsers`, llama.cpp `common/chat`, Ollama `thinking/parser.go`, the models' chat templates
(read 2026-11); all of them look for the opening tag at the start only.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Literal, TypeAlias

ThinkTags: TypeAlias = bool | Literal["anywhere"]
"""Where tags are looked for: nowhere, at the start of the text, or anywhere in it and more than once."""

_OPEN, _CLOSE = "<think>", "</think>"

_SPACE_CHARS_MAX = 64
"""White space that may come before the tag: more is text, so that what is held stays small."""


class _Place(Enum):
    START = auto()
    THOUGHT = auto()
    TEXT = auto()


class ThinkTagSplitter:
    """Splits one text that comes in pieces. Any cut of it gives the same.

    Args:
        is_open: the text begins inside a thought; an opening tag may come all the same.
    """

    __slots__ = ("_held", "_is_open", "_place")

    def __init__(self, *, is_open: bool = False) -> None:
        self._is_open = is_open
        self._held = ""
        self._place = _Place.START

    @property
    def is_settled(self) -> bool:
        """Whether all that follows is text."""
        return self._place is _Place.TEXT

    @property
    def is_midway(self) -> bool:
        """Whether it is inside a thought, or holds what may be a tag."""
        return bool(self._held) or self._place is _Place.THOUGHT

    def split(self, piece: str) -> Iterator[tuple[bool, str]]:
        """Take the next piece; give what is sure now, in order, each with whether it is thought. Some are empty."""
        reasoning, text = self.take(piece)
        yield True, reasoning
        yield False, text

    def rest(self) -> Iterator[tuple[bool, str]]:
        """Give what `flush` does, as `split` gives it."""
        reasoning, text = self.flush()
        yield True, reasoning
        yield False, text

    def take(self, piece: str) -> tuple[str, str]:
        """Take the next piece; return the reasoning and then the text that are sure now."""
        if self._place is _Place.TEXT:
            return "", piece
        piece = self._held + piece
        self._held = ""
        return self._start(piece) if self._place is _Place.START else self._thought(piece)

    def flush(self) -> tuple[str, str]:
        """Return what was held because it could have been a tag: something else follows."""
        held, self._held = self._held, ""
        if self._place is _Place.START and held:
            self._place = _Place.THOUGHT if self._is_open else _Place.TEXT
        return (held, "") if self._place is _Place.THOUGHT else ("", held)

    def _start(self, text: str) -> tuple[str, str]:
        bare = text.lstrip()
        space = text[: len(text) - len(bare)]
        if len(space) <= _SPACE_CHARS_MAX:
            if bare.startswith(_OPEN):
                self._place = _Place.THOUGHT
                return self._thought(space + bare[len(_OPEN) :])
            if bare.startswith(_CLOSE):
                self._place = _Place.TEXT
                return "", space + bare[len(_CLOSE) :]
            if _OPEN.startswith(bare) or _CLOSE.startswith(bare):
                self._held = text
                return "", ""
        if self._is_open:
            self._place = _Place.THOUGHT
            return self._thought(text)
        self._place = _Place.TEXT
        return "", text

    def _thought(self, text: str) -> tuple[str, str]:
        reasoning, tag, rest = text.partition(_CLOSE)
        if tag:
            self._place = _Place.TEXT
            return reasoning, rest
        return self._hold_back(text, _CLOSE), ""

    def _hold_back(self, text: str, tag: str) -> str:
        """Hold the end of a text that may be the beginning of a tag; return what is before it."""
        kept = next((n for n in range(len(tag) - 1, 0, -1) if text.endswith(tag[:n])), 0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]


class EveryThoughtSplitter(ThinkTagSplitter):
    """Splits a text with thoughts anywhere in it. At the start it does as the other; it never settles."""

    __slots__ = ()

    @property
    def _is_in_text(self) -> bool:
        return self._place is _Place.TEXT

    @property
    def is_settled(self) -> bool:
        """Whether all that follows is text: that is never known."""
        return False

    def split(self, piece: str) -> Iterator[tuple[bool, str]]:
        """Take the next piece; give what is sure now, in order, each with whether it is thought. Some are empty."""
        while True:
            if not self._is_in_text:
                reasoning, piece = self.take(piece)
                yield True, reasoning
                if not self._is_in_text:
                    return
            text, tag, piece = (self._held + piece).partition(_OPEN)
            self._held = ""
            yield False, text if tag else self._hold_back(text, _OPEN)
            if not tag:
                return
            self._place = _Place.THOUGHT


def splitter_of(tags: ThinkTags, *, is_open: bool = False) -> ThinkTagSplitter | None:
    """Make the splitter that a switch asks for, if it asks for one."""
    if tags == "anywhere":
        return EveryThoughtSplitter(is_open=is_open)
    return ThinkTagSplitter(is_open=is_open) if tags or is_open else None


def split_thinking(text: str, *, is_open: bool = False) -> tuple[str, str]:
    """Split a whole text into the reasoning and the rest, by the same rules as a stream of it.

    Args:
        text: what a model wrote.
        is_open: the chat template wrote the opening tag, so the text begins inside the thought.

    Returns:
        Reasoning and text, both without the tags.
    """
    splitter = ThinkTagSplitter(is_open=is_open)
    pieces = splitter.take(text), splitter.flush()
    return pieces[0][0] + pieces[1][0], pieces[0][1] + pieces[1][1]
