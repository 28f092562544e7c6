"""What the accumulator holds while an answer is made: blocks that grow by parts, and blocks that are whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple, TypeAlias

from .json_bounds import objects_bytes
from .messages import AnswerBlock, OpaqueBlock, ReasoningBlock, TextBlock, ToolCall
from .tool_json import explain_arguments, parse_arguments

PARTS_MAX = 4096
"""How many parts wait as they are; more are joined, for a part of one character takes up to eighty bytes."""


class Parts:
    """Text that grows: appended to in O(1), joined once when read."""

    __slots__ = ("_joined", "parts")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._joined = 0  # how many parts at its start are joined ones

    def append(self, text: str) -> None:
        """Add a part. Cost: O(1) amortised, by its length."""
        self.parts.append(text)
        if len(self.parts) - self._joined > PARTS_MAX:
            self.join_last()

    def join_last(self) -> int:
        """Make one part of those that were not joined before: each is copied once. Return how many parts there are."""
        self.parts[self._joined :] = ["".join(self.parts[self._joined :])]
        self._joined = len(self.parts)
        return self._joined

    def read(self) -> str:
        """Return the text so far. Cost: O(1) where nothing was appended since the last reading, else one copy of it."""
        if len(self.parts) > 1:
            self.parts[:] = ["".join(self.parts)]
        self._joined = len(self.parts)
        return self.parts[0] if self.parts else ""

    @property
    def chars(self) -> int:
        """How many characters were said. Copies nothing. Cost: linear in the parts."""
        return sum(map(len, self.parts))

    def cut(self, chars: int) -> None:
        """Forget what was said beyond so many characters. Copies nothing where they were read before it was said."""
        if self.parts and len(self.parts[0]) == chars:
            del self.parts[1:]
        else:
            self.parts[:] = [self.read()[:chars]]
        self._joined = len(self.parts)


class TextParts(Parts):
    """A block of text."""

    __slots__ = ()


class ReasoningParts(Parts):
    """A block of reasoning, of the attempt's `origin`; its signature is pending until the block stops."""

    __slots__ = ("origin", "pending_signature", "signature")

    def __init__(self, origin: str | None) -> None:
        super().__init__()
        self.origin: str | None = origin
        self.pending_signature: str | None = None
        self.signature: str | None = None

    def sign(self, signature: str | None) -> int:
        """Take the signature that the block will have, or forget it; return how many bytes more are held."""
        before, self.pending_signature = self.pending_signature, signature
        return size_bytes(signature or "") - size_bytes(before or "")


class CallParts(Parts):
    """A call under way: its arguments so far, and its place among the calls of the run."""

    __slots__ = ("id", "name", "objects_bytes", "order", "size_bytes")

    def __init__(self, call_id: str, name: str, order: tuple[int, int, int] = (0, 0, 0)) -> None:
        super().__init__()
        self.id: str = call_id
        self.name: str = name
        self.order: tuple[int, int, int] = order
        self.size_bytes: int = 0
        self.objects_bytes: int = 0

    @property
    def held_bytes(self) -> int:
        """What it counts for in the bound on a whole answer: its arguments, id and name."""
        return self.size_bytes + size_bytes(self.id) + size_bytes(self.name)

    def close(self, whole: str | None, values_max: int, *, is_cut: bool) -> ToolCall | str:
        """Return the complete call, or why it is none. `whole` is the arguments where the provider said them again."""
        text = self.read() if whole is None else whole
        if text.strip() in _NOTHING and not is_cut:
            text = "{}"
        arguments = parse_arguments(text, values_max)
        if arguments is not None and (arguments or not is_cut):  # an empty object may be all that came before the cut
            self.objects_bytes = objects_bytes(text)
            return ToolCall(self.id, self.name, arguments)
        return (
            "the answer ended inside it"
            if is_cut
            else explain_arguments(text, values_max) or "its arguments are no object"
        )


_NOTHING = frozenset({"", "null"})
"""What stands for no arguments, where the provider closed the call: a tool without parameters was called."""


Held: TypeAlias = TextParts | ReasoningParts | CallParts | ToolCall | ReasoningBlock | OpaqueBlock


_OPAQUE = OpaqueBlock | ReasoningBlock
"""What is kept as it came: a block of the provider's own, or a thought that it shows to nobody."""


class _Kept(NamedTuple):
    """How much is held, calls under way aside: blocks, and the characters of the last if it is text or reasoning."""

    blocks: int = 0
    last_chars: int = 0


class AnswerBlocks:
    """The blocks of an answer, in the order they began: those of the generation under way, and those from before it.

    Where a generation began is no number but the border between two lists, so that it holds whatever is removed on
    either side. The one thing that may grow over it is the text that was last: it is kept itself, with its length.

    `parts_max` is in how many parts the text under way may be held; beyond that, `join_last`.
    """

    __slots__ = (
        "_before",
        "_goes_on",
        "_goes_on_chars",
        "_kept_at_attempt",
        "_kept_at_generation",
        "_since",
        "parts_max",
    )

    def __init__(self) -> None:
        self._before: list[Held] = []
        self._since: list[Held] = []
        self._goes_on: TextParts | None = None
        self._goes_on_chars = 0
        self._kept_at_attempt = self._kept_at_generation = _Kept()
        self.parts_max: int = PARTS_MAX

    def __len__(self) -> int:
        return len(self._before) + len(self._since)

    def append(self, block: Held) -> None:
        """Begin a block."""
        self._since.append(block)
        self.parts_max = PARTS_MAX

    def remove(self, call: CallParts) -> int:
        """Forget a call under way; return how many bytes less are held."""
        side, at = self._place_of(call)
        del side[at]
        return call.held_bytes

    def complete(self, call: CallParts, ready: ToolCall) -> int:
        """Put a call that is whole in the place of itself under way; return how many bytes more are held."""
        side, at = self._place_of(call)
        side[at] = ready
        return call.objects_bytes

    def _place_of(self, call: CallParts) -> tuple[list[Held], int]:
        """Find a call under way, from the end: most are among the last."""
        for side in (self._since, self._before):
            for at in range(len(side) - 1, -1, -1):
                if side[at] is call:
                    return side, at
        raise ValueError(f"no call {call.id!r} is under way")

    def join_last(self) -> None:
        """Join what the text under way was said in."""
        last = (self._since or self._before)[-1]
        if isinstance(last, TextParts):
            self.parts_max = last.join_last() + PARTS_MAX

    def clear(self) -> None:
        """Forget everything."""
        self._before.clear()
        self._since.clear()
        self._goes_on, self._goes_on_chars = None, 0
        self._kept_at_attempt = self._kept_at_generation = _Kept()

    def begin_attempt(self, *, reattaches: bool) -> None:
        """Begin an attempt, and a generation with it unless it `reattaches`. Cost: linear in the blocks."""
        self._kept_at_attempt = self._kept()
        if reattaches:
            return
        self._kept_at_generation = self._kept_at_attempt
        self._before += self._since
        self._since.clear()
        last = self._before[-1] if self._before else None
        self._goes_on = last if isinstance(last, TextParts) else None
        self._goes_on_chars = 0 if self._goes_on is None else len(self._goes_on.read())

    def cut_back(self) -> list[str] | None:
        """Forget what the generation said; return the parts of the text that it went on with, if there is one."""
        self._since.clear()
        self._kept_at_attempt = self._kept_at_generation
        if self._goes_on is None:
            return None
        self._goes_on.cut(self._goes_on_chars)
        return self._goes_on.parts

    @property
    def has_before(self) -> bool:
        """Whether anything is held from before the generation."""
        return bool(self._before)

    @property
    def has_kept(self) -> bool:
        """Whether anything that the attempt said is held; calls under way do not count."""
        return self._kept() != self._kept_at_attempt

    @property
    def has_begun(self) -> bool:
        """Whether anything that the generation said is held; likewise."""
        return self._kept() != self._kept_at_generation

    def _kept(self) -> _Kept:
        kept = [block for block in self._all() if not isinstance(block, CallParts)]
        last = kept[-1] if kept else None
        return _Kept(len(kept), last.chars if isinstance(last, Parts) else 0)

    def _all(self) -> Iterator[Held]:
        return chain(self._before, self._since)

    @property
    def text(self) -> str:
        """Everything said as text, joined. Cost: linear in the text; one copy, however many deltas it came in."""
        return "".join(block.read() for block in self._all() if isinstance(block, TextParts))

    @property
    def has_content(self) -> bool:
        """Whether there is text, reasoning or something opaque; a signature alone says nothing."""
        return any(map(_is_content, self._all()))

    def read(self) -> tuple[AnswerBlock, ...]:
        """Return the blocks of the answer; calls under way are none yet."""
        return tuple(block for held in self._all() if (block := block_of(held)) is not None)


def _is_content(held: Held) -> bool:
    return bool(held.parts) if isinstance(held, ReasoningParts) else isinstance(held, TextParts | _OPAQUE)


def size_bytes(text: str) -> int:
    """Count the UTF-8 bytes of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def width_of(text: str) -> int:
    """Return how many bytes Python takes for each character of a text in which this stands: 1, 2 or 4 (PEP 393)."""
    widest = max(text, default="")
    return 1 if widest <= "\xff" else 2 if widest <= "\uffff" else 4


def opaque_bytes(block: OpaqueBlock) -> int:
    """Count the bytes of a block that only its provider understands: as JSON, and its values. Cost: linear in it."""
    written = json.dumps(block.data, ensure_ascii=False, default=repr)
    return size_bytes(written) + objects_bytes(written)


def block_of(held: Held) -> AnswerBlock | None:
    """Give what is held as a block of the answer; a call under way is none yet."""
    match held:
        case TextParts():
            return TextBlock(held.read())
        case ReasoningParts():
            return ReasoningBlock(held.read(), signature=held.signature, origin=held.origin)
        case CallParts():
            return None
        case _:
            return held
