"""One question to a model, independent of any provider. The model itself belongs to the provider object."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from attrs import field, frozen

from .json_value import JSONValue
from .messages import Block, Message, Role, TextBlock, Tool, ToolResult
from .usage_error import UsageError
from .validators import instance, items_of, or_none, seen, whole_number, within


class ToolChoiceMode(StrEnum):
    """How free the model is to call."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    TOOL = "tool"


@frozen
class ToolChoice:
    """Whether and what the model must call; `ToolChoice.tool(name)` forces one tool."""

    mode: ToolChoiceMode
    name: str | None = None

    @classmethod
    def tool(cls, name: str) -> ToolChoice:
        """Force the tool of this name."""
        return cls(ToolChoiceMode.TOOL, name)

    @property
    def is_forced(self) -> bool:
        """Whether the answer has to hold a call."""
        return self.mode in (ToolChoiceMode.REQUIRED, ToolChoiceMode.TOOL)


def _messages(value: Sequence[Message] | Message) -> tuple[Message, ...]:
    items = items_of("messages", value, (Message, str), "Messages: [Message.user('…')]")
    return tuple(_message(position, item) for position, item in enumerate(items))


def _message(position: int, item: object) -> Message:
    if isinstance(item, Message):
        return item
    raise UsageError(f"messages[{position}] is a {type(item).__name__}; expected a Message: Message.user('…')")


def _system(value: str | Sequence[str | TextBlock]) -> tuple[TextBlock, ...]:
    items = items_of("system", value, (str, TextBlock), "text, or a list of texts")
    return tuple(_system_text(position, item) for position, item in enumerate(items))


def _system_text(position: int, item: object) -> TextBlock:
    if isinstance(item, TextBlock):
        return item
    return TextBlock(_text(f"system[{position}]", item))


def _text(name: str, item: object) -> str:
    if isinstance(item, str):
        return item
    raise UsageError(f"{name} is {seen(item)}; expected text")


def _tools(value: Sequence[Tool]) -> tuple[Tool, ...]:
    items = items_of("tools", value, Tool, "a list of Tools: leave it out where there are none")
    return tuple(_tool(position, item) for position, item in enumerate(items))


def _tool(position: int, item: object) -> Tool:
    if isinstance(item, Tool):
        return item
    raise UsageError(f"tools[{position}] is {seen(item)}; expected a Tool(name, description, input_schema)")


def _strings(value: Sequence[str]) -> tuple[str, ...]:
    items = items_of("stop_sequences", value, str, "a list of texts")
    return tuple(_text(f"stop_sequences[{position}]", item) for position, item in enumerate(items))


def _tool_choice(value: ToolChoice | str | None) -> ToolChoice | None:
    if value is None or isinstance(value, ToolChoice):
        return value
    if value in ("auto", "none", "required"):
        return ToolChoice(ToolChoiceMode(value))
    raise UsageError(
        f"tool_choice is {seen(value)}; expected 'auto', 'none', 'required' or ToolChoice.tool(name): "
        "a tool is forced by ToolChoice.tool(name)"
    )


_TEMPERATURE = within(-sys.float_info.max, sys.float_info.max, "a finite number, or None for the provider's own")
_EFFORT = instance(str, "the provider's word, such as 'low', or None")
_EXTRA = instance(Mapping, "fields of the provider's body: a dict")


@frozen
class InferenceRequest:
    """What is asked of a model.

    Args:
        messages: the conversation, oldest first; at least one, none of them empty.
        system: system text, or several blocks of it.
        tools: what the model may call; names are unique.
        tool_choice: 'auto', 'none', 'required' or `ToolChoice.tool(name)`; None leaves it to the provider.
        max_tokens: output ceiling over the *whole* run: what was already emitted is taken off a continuation.
        temperature: as the provider takes it.
        stop_sequences: strings that end the answer.
        reasoning_effort: the provider's word ("low", "medium", "high" …); doubles the idle clock.
        reasoning_budget_tokens: a thinking budget, for models that take one.
        prompt_cache: mark the stable prefix for the provider's prompt cache.
        extra: fields merged into the provider's JSON body last, verbatim.

    Raises:
        UsageError: a value of another type, no messages, an empty message, a ceiling below 1, a forced tool that is not
            among `tools`.
    """

    messages: tuple[Message, ...] = field(converter=_messages)
    system: tuple[TextBlock, ...] = field(default=(), converter=_system, kw_only=True)
    tools: tuple[Tool, ...] = field(default=(), converter=_tools, kw_only=True)
    tool_choice: ToolChoice | None = field(default=None, converter=_tool_choice, kw_only=True)
    max_tokens: int | None = field(default=None, validator=or_none(whole_number()), kw_only=True)
    temperature: float | None = field(default=None, validator=or_none(_TEMPERATURE), kw_only=True)
    stop_sequences: tuple[str, ...] = field(default=(), converter=_strings, kw_only=True)
    reasoning_effort: str | None = field(default=None, validator=or_none(_EFFORT), kw_only=True)
    reasoning_budget_tokens: int | None = field(default=None, validator=or_none(whole_number()), kw_only=True)
    prompt_cache: bool = field(default=False, validator=instance(bool, "True or False"), kw_only=True)
    extra: Mapping[str, JSONValue] = field(factory=dict[str, JSONValue], validator=_EXTRA, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.messages:
            raise UsageError("messages is empty; expected at least one Message: start with Message.user('…')")
        for position, message in enumerate(self.messages):
            if not message.content:
                raise UsageError(f"messages[{position}] has no content; expected at least one block: leave it out")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise UsageError(f"max_tokens is {self.max_tokens}; expected at least 1, or None for the provider's own")
        self._check_tools()

    def _check_tools(self) -> None:
        names = [tool.name for tool in self.tools]
        if len(set(names)) != len(names):
            raise UsageError(f"tools holds a name twice: {sorted(names)}; expected unique names")
        choice = self.tool_choice
        if choice is not None and choice.is_forced and not names:
            raise UsageError("tool_choice forces a call but tools is empty; give the tools, or leave tool_choice out")
        if choice is not None and choice.name is not None and choice.name not in names:
            raise UsageError(f"tool_choice forces {choice.name!r}, which is not among the tools {sorted(names)}")


def require_encodable(request: InferenceRequest) -> None:
    """Refuse half characters in what the caller says: providers refuse them too, with other words or none.

    The model's own turns are left alone: half a character of the model's goes back as it came, an escape in the JSON.

    Raises:
        UsageError: system text or a turn of the user's holds a lone surrogate; the message says where.
    """
    for name, text in _texts_of(request):
        half = None if text.isascii() else _HALF.search(text)
        if half is not None:
            raise UsageError(
                f"{name} holds the lone surrogate {half[0]!a} at character {half.start()}; expected text that can be "
                "encoded as UTF-8: decode its bytes with errors='replace'"
            )


_HALF = re.compile("[\ud800-\udfff]")


def _texts_of(request: InferenceRequest) -> Iterator[tuple[str, str]]:
    yield from ((f"system[{position}]", block.text) for position, block in enumerate(request.system))
    for place, message in enumerate(request.messages):
        for position, block in enumerate(message.content if message.role is Role.USER else ()):
            name = f"messages[{place}].content[{position}]"
            parts = block.content if isinstance(block, ToolResult) else (block,)
            yield from ((name, text) for text in _said(parts))


def _said(parts: str | Iterable[Block]) -> Iterator[str]:
    if isinstance(parts, str):
        yield parts
    else:
        yield from (part.text for part in parts if isinstance(part, TextBlock))
