"""What the accumulator holds while an answer is made: blocks that grow by parts, and blocks that are whole."""

from __future__ import annotations

from typing import TypeAlias

from .messages import AnswerBlock, OpaqueBlock, ReasoningBlock, TextBlock, ToolCall


class Parts:
    """Text that grows: appended to in O(1), joined once when read."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[str] = []

    def read(self) -> str:
        """Return the text so far. Cost: linear in what was appended since the last reading."""
        if len(self.parts) > 1:
            self.parts[:] = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""


class TextParts(Parts):
    """A block of text."""

    __slots__ = ()


class ReasoningParts(Parts):
    """A block of reasoning, of the attempt's `origin`; its signature is pending until the block stops."""

    __slots__ = ("origin", "pending_signature", "signature")

    def __init__(self, origin: str | None) -> None:
        super().__init__()
        self.origin = origin
        self.pending_signature: str | None = None
        self.signature: str | None = None


class CallParts(Parts):
    """A call under way: its arguments so far."""

    __slots__ = ("id", "name", "size_bytes")

    def __init__(self, call_id: str, name: str) -> None:
        super().__init__()
        self.id = call_id
        self.name = name
        self.size_bytes = 0


Held: TypeAlias = TextParts | ReasoningParts | CallParts | ToolCall | ReasoningBlock | OpaqueBlock


def size_bytes(text: str) -> int:
    """Count the UTF-8 bytes of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


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
