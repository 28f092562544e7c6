"""The arguments of one call as text that arrives, in whichever of the ways that are in use it is sent.

Most servers send pieces, and the arguments are what they join to. Some send all that there is so far in each fragment,
some say `{}` or `null` first and the real arguments after it, some say the whole once more when it is over. Which way
it is can be told, for the readings exclude each other:

- A piece that begins with all that came before it begins with `{`, and an object may stand there only where a value
  may: after `:`, `[` or `,`. Anywhere else it is all there is so far. Where it may be both, such fragments are held
  until one of them does not begin with the one before it, or the arguments end: of an object and its beginning joined,
  or the object alone, only one is whole.
- Nothing follows an object that is over. What repeats it tells it again, and what begins another one (`has_two`) has
  two meanings.

Cost: linear in what comes. Nothing is kept of what was said but its length and checksum.
"""

from __future__ import annotations

from collections import Counter
from zlib import crc32

from ...engine.core.answer_blocks import size_bytes
from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.tool_json import ArgumentsScanner

_NOTHING = frozenset({"{}", "null"})
_BEFORE_VALUE = frozenset(":[,")


class _Said:
    """A text as far as it came: how long, its checksum, its last character that is no space, and its brackets."""

    __slots__ = ("chars", "checksum", "last", "scanner")

    def __init__(self, bytes_max: int) -> None:
        self.chars: int = 0
        self.checksum: int = 0
        self.last: str = ""
        self.scanner: ArgumentsScanner = ArgumentsScanner(bytes_max=bytes_max)

    @property
    def ends_before_value(self) -> bool:
        """Whether a value may follow it. Cost: O(1)."""
        return self.last in _BEFORE_VALUE and not self.scanner.is_in_string

    def add(self, fragment: str) -> None:
        """Take the next fragment."""
        self.scanner.feed(fragment)
        self.chars += len(fragment)
        self.checksum = _checksum(fragment, self.checksum)
        self.last = fragment.rstrip()[-1:] or self.last

    def begins(self, fragment: str) -> bool:
        """Whether a fragment begins with this text."""
        return 0 < self.chars <= len(fragment) and _checksum(fragment[: self.chars]) == self.checksum


class ArgumentsReader:
    """Reads the arguments of one call. `ignored` counts what was odd, by kind; fragments it holds count in `held`.

    Args:
        bytes_max: how long arguments may be.
        held: where what waits is counted.
        is_resumed: what came before is not known, so fragments are pieces.
    """

    __slots__ = (
        "_bytes_max", "_held", "_held_bytes", "_is_resumed", "_lengths", "_nothing", "_said", "_start", "_whole",
        "_whole_text", "has_two", "ignored",
    )  # fmt: skip

    def __init__(self, bytes_max: int, held: HeldBytes, *, is_resumed: bool = False) -> None:
        self.has_two: bool = False
        self.ignored: Counter[str] = Counter()
        self._bytes_max, self._held, self._is_resumed = bytes_max, held, is_resumed
        self._nothing = self._start = ""
        self._said = _Said(bytes_max)
        self._whole_text, self._lengths = "", list[int]()  # the last fragment that is held, and how long each one was
        self._whole: _Said | None = None
        self._held_bytes = 0

    @property
    def is_whole(self) -> bool:
        """Whether they are an object that says something, as far as its brackets tell."""
        return self._said.scanner.is_complete and not (self.is_bare or self._lengths or self.has_two)

    @property
    def is_bare(self) -> bool:
        """Whether nothing was said but `{}`, `null` or spaces; the real ones may follow."""
        return not self._said.chars or self._start == "{}"

    @property
    def is_empty_object(self) -> bool:
        """Whether nothing was said but `{}`: beside arguments of the start's own that has two meanings."""
        return self._nothing == "{}" or self._start == "{}"

    @property
    def is_holding(self) -> bool:
        """Whether anything came that was not said yet."""
        return bool(self._nothing or self._lengths)

    def repeats(self, fragment: str) -> bool:
        """Whether a fragment says once more all that was said."""
        return self._said.begins(fragment) and not fragment[self._said.chars :].strip()

    def take(self, fragment: str) -> str:
        """Take the next fragment; return what is sure to be said with it."""
        if self._is_resumed:
            return fragment
        if not fragment.strip() and (not self._said.chars or self._said.scanner.is_complete):
            return ""
        if not self._said.chars and (nothing := fragment.strip()) in _NOTHING:
            self.ignored[Ignored.TOLD_AGAIN] += bool(self._nothing)
            self._nothing = nothing
            return ""
        if self._nothing:
            self._nothing = ""
            self.ignored[Ignored.ARGUMENTS_LATE] += 1
        if self._lengths:
            return self._take_held(fragment)
        if self._said.scanner.defect is None and self._said.begins(fragment):
            return self._take_again(fragment)
        return self._add(fragment)

    def close(self) -> str:
        """Return what is left to be said; nothing more can come."""
        if self._nothing:
            self.ignored[Ignored.NULL_ARGUMENTS] += self._nothing == "null"
            return "{}"
        if self._whole is not None and self._whole.scanner.is_complete:
            return self._take_whole(self._whole)
        return self._join_held()

    def _add(self, fragment: str) -> str:
        """Take a piece."""
        if self._said.scanner.is_complete and fragment.lstrip().startswith("{"):
            self.has_two = True
            return ""
        self._said.add(fragment)
        if len(self._start) < len("{}x"):
            self._start = "".join((self._start + fragment).split())[: len("{}x")]
        return fragment

    def _take_again(self, fragment: str) -> str:
        """Take a fragment that begins with all that was said."""
        if self._said.scanner.is_complete:
            self.ignored[Ignored.TOLD_AGAIN] += 1
            self.has_two = bool(fragment[self._said.chars :].strip())
            return ""
        whole = self._hold(fragment)
        return "" if self._said.ends_before_value else self._take_whole(whole)

    def _take_held(self, fragment: str) -> str:
        """Take what follows fragments that may be pieces, or each the whole so far."""
        before = self._whole
        if before is None or not before.begins(fragment):
            return self._join_held() + self.take(fragment)
        whole = self._hold(fragment)
        return "" if before.ends_before_value else self._take_whole(whole)

    def _hold(self, fragment: str) -> _Said:
        self._held.hold(size := size_bytes(fragment))
        self._held_bytes += size
        self._whole_text = fragment
        self._lengths.append(len(fragment))
        self._whole = whole = _Said(self._bytes_max)
        whole.add(fragment)
        return whole

    def _take_whole(self, whole: _Said) -> str:
        """Read what is held as the whole so far; return what it adds."""
        rest = self._whole_text[self._said.chars :]
        self.ignored[Ignored.TOLD_AGAIN] += len(self._lengths)
        self._said = whole
        self._forget()
        return rest

    def _join_held(self) -> str:
        """Read what is held as pieces."""
        pieces = [self._whole_text[:length] for length in self._lengths]
        self._forget()
        return "".join(map(self._add, pieces))

    def _forget(self) -> None:
        self._held.release(self._held_bytes)
        self._held_bytes = 0
        self._whole_text, self._whole = "", None
        self._lengths.clear()


def _checksum(text: str, before: int = 0) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"), before)
