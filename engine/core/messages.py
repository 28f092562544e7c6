"""What a conversation is made of: messages of content blocks, tools, calls and their results. All values are frozen."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from attrs import field, frozen

from .json_value import JSONObject
from .usage_error import UsageError


@frozen
class TextBlock:
    """A piece of text."""

    text: str


@frozen
class ReasoningBlock:
    """What a model thought. Replayed only when signed (or `redacted`), and only to the `origin` that signed it.

    `signature` and `redacted` are the provider's opaque strings; `origin` is "provider/model".
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    origin: str | None = None


@frozen
class ImageBlock:
    """An image, by bytes or by URL; exactly one of `data` and `url` is given."""

    media_type: str = "image/png"
    data: bytes | None = field(default=None, repr=lambda data: "None" if data is None else f"<{len(data)} bytes>")
    url: str | None = None

    def __attrs_post_init__(self) -> None:
        if (self.data is None) == (self.url is None):
            raise UsageError("ImageBlock takes exactly one of data= (bytes) and url=; give one of them")


@frozen
class ToolCall:
    """A call the model closed: its arguments are a whole JSON object."""

    id: str
    name: str
    arguments: JSONObject


@frozen
class ToolResult:
    """What a tool answered, tied to its call by `tool_call_id`. `content` is text or blocks of text and images."""

    tool_call_id: str
    content: str | tuple[TextBlock | ImageBlock, ...]
    is_error: bool = False


@frozen
class OpaqueBlock:
    """A block that only its provider understands (a server-side tool and its result, say), kept as it came.

    It is sent back unchanged, to the same `origin` only. `kind` is the provider's own word.
    """

    kind: str
    data: JSONObject
    origin: str


Block: TypeAlias = TextBlock | ReasoningBlock | ImageBlock | ToolCall | ToolResult | OpaqueBlock
AnswerBlock: TypeAlias = TextBlock | ReasoningBlock | ToolCall | OpaqueBlock


class Role(StrEnum):
    """Who speaks. Tool results are a turn of the user's, as in the Messages API; encoders split them where needed."""

    USER = "user"
    ASSISTANT = "assistant"


def _blocks(content: tuple[str | Block, ...]) -> tuple[Block, ...]:
    return tuple(TextBlock(item) if isinstance(item, str) else item for item in content)


@frozen
class Message:
    """One turn: a role and its blocks. Made with `user`, `assistant` or `tool_results`."""

    role: Role
    content: tuple[Block, ...]

    @classmethod
    def user(cls, *content: str | TextBlock | ImageBlock | ToolResult) -> Message:
        """Make a turn of the user's, of texts and images."""
        return cls(Role.USER, _blocks(content))

    @classmethod
    def assistant(cls, *content: str | AnswerBlock) -> Message:
        """Make a turn of the model's; a `StreamResult`'s `blocks` fit as they are."""
        return cls(Role.ASSISTANT, _blocks(content))

    @classmethod
    def tool_results(cls, *results: ToolResult) -> Message:
        """Make the turn that answers the calls of the turn before it: all results in one message."""
        return cls(Role.USER, results)

    @property
    def text(self) -> str:
        """The text blocks, joined."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))


@frozen
class Tool:
    """A tool the model may call; `input_schema` is a JSON schema of type object."""

    name: str
    description: str
    input_schema: JSONObject
