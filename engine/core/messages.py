"""What a conversation is made of: messages of content blocks, tools, calls and their results. All values are frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

from attrs import field, frozen

from .json_value import JSONObject
from .usage_error import UsageError
from .validators import instance, items_of, seen


@frozen
class TextBlock:
    """A piece of text."""

    text: str = field(validator=instance(str, "text"))


@frozen
class ReasoningBlock:
    """What a model thought. Replayed only when signed (or `redacted`), and only to the `origin` that signed it.

    `signature` and `redacted` are the provider's opaque strings; `origin` is "provider/model". `came_as` is the field
    in which an unsigned thought came, where it goes back in the same one (Kimi); it makes no two thoughts different.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    origin: str | None = None
    came_as: str | None = field(default=None, eq=False)


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
    arguments: JSONObject = field(validator=instance(Mapping, "a JSON object: read what is JSON text with json.loads"))


def _result_content(
    value: str | Sequence[TextBlock | ImageBlock],
) -> str | tuple[TextBlock | ImageBlock, ...]:
    if isinstance(value, str):
        return value
    expected = "text, or blocks of text and images: write other values as text"
    return tuple(
        _result_block(f"content[{position}]", item, expected)
        for position, item in enumerate(items_of("content", value, (TextBlock, ImageBlock), expected))
    )


def _result_block(name: str, item: object, expected: str) -> TextBlock | ImageBlock:
    if isinstance(item, TextBlock | ImageBlock):
        return item
    raise UsageError(f"{name} is {seen(item)}; expected {expected}")


@frozen
class ToolResult:
    """What a tool answered, tied to its call by `tool_call_id`. `content` is text or blocks of text and images."""

    tool_call_id: str = field(validator=instance(str, "the id of the call it answers"))
    content: str | tuple[TextBlock | ImageBlock, ...] = field(converter=_result_content)
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
_BLOCKS = (TextBlock, ReasoningBlock, ImageBlock, ToolCall, ToolResult, OpaqueBlock)


class Role(StrEnum):
    """Who speaks. Tool results are a turn of the user's, as in the Messages API; encoders split them where needed."""

    USER = "user"
    ASSISTANT = "assistant"


def _role(value: Role | str) -> Role:
    try:
        return Role(value)
    except ValueError:
        expected = "'user' or 'assistant': system text goes into InferenceRequest(system=…)"
        raise UsageError(f"role is {seen(value)}; expected {expected}") from None


def _blocks(content: str | Block | Sequence[str | Block]) -> tuple[Block, ...]:
    expected = "text or a block of content: TextBlock, ImageBlock, ToolResult, or blocks of an answer"
    items = items_of("content", content, (str, *_BLOCKS), expected)
    return tuple(_block(f"content[{position}]", item, expected) for position, item in enumerate(items))


def _block(name: str, item: object, expected: str) -> Block:
    if isinstance(item, str):
        return TextBlock(item)
    if isinstance(item, _BLOCKS):
        return item
    raise UsageError(f"{name} is {seen(item)}; expected {expected}")


@frozen
class Message:
    """One turn: a role and its blocks. Made with `user`, `assistant` or `tool_results`."""

    role: Role = field(converter=_role)
    content: tuple[Block, ...] = field(converter=_blocks)

    @classmethod
    def user(cls, *content: str | TextBlock | ImageBlock | ToolResult) -> Message:
        """Make a turn of the user's, of texts and images."""
        return cls(Role.USER, content)

    @classmethod
    def assistant(cls, *content: str | AnswerBlock) -> Message:
        """Make a turn of the model's; a `StreamResult`'s `blocks` fit as they are."""
        return cls(Role.ASSISTANT, content)

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

    name: str = field(validator=instance(str, "the tool's name"))
    description: str = field(validator=instance(str, "a sentence on what the tool does"))
    input_schema: JSONObject = field(validator=instance(Mapping, 'a JSON schema: {"type": "object", …}'))
