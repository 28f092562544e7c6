"""How one server's Chat Completions differ from OpenAI's, as data: what a preset is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from ...engine.core.capabilities import ContinuationForm
from ...engine.core.json_value import JSONValue
from ...engine.core.messages import Message
from ...engine.core.request import InferenceRequest
from ..models import openai_reasons

Item: TypeAlias = dict[str, JSONValue]


def write_effort(request: InferenceRequest, _model: str) -> Item:
    """Write the effort as OpenAI takes it; a budget has no field there."""
    return {} if request.reasoning_effort is None else {"reasoning_effort": request.reasoning_effort}


def replay_nothing(_request: InferenceRequest, _message: Message, _origin: str) -> Item:
    """Replay no reasoning: OpenAI's format has no place for it."""
    return {}


def continue_everything(_model: str) -> bool:
    """Say that every model continues."""
    return True


@frozen(kw_only=True)
class ChatDialect:
    """One server's own ways. The defaults are OpenAI's.

    Attributes:
        ceiling_field: the name of the output ceiling; None is decided by host and model.
        has_usage: whether `stream_options.include_usage` is asked for.
        required_word: the `tool_choice` that forces a call.
        write_thinking: how effort and budget are written, given the request and the model.
        replay_reasoning: what an assistant's turn holds besides, given the request, the turn and our origin.
        write_call_id: how the id of a call is written; calls and results alike.
        form: how an answer is continued, above `QUOTE`; None has nothing above it.
        continues: which models take `form`.
        mark_native: how a body is marked as a `NATIVE` continuation, given the request, the body and whether the model
            would think.
        stops_thinking: `mark_native` switches thinking off, so `form` is open to models that think.
        echoes: a reply to `form` begins with what it was given.
        echo_field: the field of `extra` that asks for such an echo.
        prefix_trailing_space: whether a prefix may end with white space.
        thinks: which models think without being asked.
        grammar_fields: fields of the body that bind the answer to a grammar: it can only be had whole.
        waiting_message: what a person reads while nothing has come.
        has_details: reasoning comes in `reasoning_details`, too.
        detail_format: what the format of such details begins with, if not all are read.
        keeps_thoughts: that thoughts came as `reasoning_content` is kept, for `replay_reasoning` to send them back so.
        think_tags: thoughts may come inside the text, between `<think>` tags.

    """

    ceiling_field: str | None = None
    has_usage: bool = True
    required_word: str = "required"
    write_thinking: Callable[[InferenceRequest, str], Item] = write_effort
    replay_reasoning: Callable[[InferenceRequest, Message, str], Item] = replay_nothing
    write_call_id: Callable[[str], str] = str
    form: ContinuationForm | None = None
    continues: Callable[[str], bool] = continue_everything
    mark_native: Callable[[InferenceRequest, Item, bool], Item] | None = None
    stops_thinking: bool = False
    echoes: bool = False
    echo_field: str = ""
    prefix_trailing_space: bool = True
    thinks: Callable[[str], bool] = openai_reasons
    grammar_fields: tuple[str, ...] = ()
    waiting_message: str | None = None
    has_details: bool = False
    detail_format: str = ""
    keeps_thoughts: bool = False
    think_tags: bool = False
