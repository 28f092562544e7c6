"""What a wire format is to the testing kit: how an answer is written in it, and how a request is read.

Pure. Each format is one value in a file of its own (`anthropic` and its neighbours); `formats` knows all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Protocol, TypeAlias, cast

from attrs import frozen

from ...core.json_value import JSONObject, JSONValue
from ...core.messages import ToolCall
from ...core.stop import StopReason
from ...core.stream_events import (
    BlockStop,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...core.usage import estimate_tokens

Fields: TypeAlias = dict[str, JSONValue]

SIGNATURE = "bG9vcGJhY2s="
"""What a signed thought is signed with where nobody checks it; `strict_server` does."""

DELTAS_KEPT = 16_384
"""How many encoded deltas a writer keeps: a simulated model says the same words in run after run."""

_TAIL = re.compile(r"<tail>(.*)</tail>", re.DOTALL)
_ARGUMENTS_CHARS = 6


# -- what a request says ------------------------------------------------------------------------------------------


@frozen
class Continuation:
    """What a request says was said before: nothing, or the beginning of the answer that is to be continued.

    `is_prefix` says that the request ends with the assistant's own turn; `is_quote` that a user turn quotes its end.
    """

    text: str = ""
    is_prefix: bool = False
    is_quote: bool = False


@frozen
class Turn:
    """One turn of a request: whose it is, and its text."""

    is_assistant: bool
    text: str


def continuation_of(turns: Iterable[Turn], *, continues: bool) -> Continuation:
    """Read what was said out of the turns, neighbours of one role joined: a trailing assistant turn, or a quoted one.

    `continues` says whether the model goes on from a trailing assistant turn; otherwise it begins another.
    """
    joined = [
        Turn(is_assistant, "".join(turn.text for turn in run))
        for is_assistant, run in groupby(turns, key=lambda turn: turn.is_assistant)
    ]
    if joined and joined[-1].is_assistant:
        return Continuation(joined[-1].text if continues else "", is_prefix=True)
    if len(joined) < 2:
        return Continuation()
    said = joined[-2].text
    quoted = _TAIL.search(joined[-1].text)
    if quoted is None or not quoted[1] or not said.endswith(quoted[1]):
        return Continuation()
    return Continuation(said, is_quote=True)


def objects(value: JSONValue) -> list[JSONObject]:
    """Return the objects of a list; nothing of anything else."""
    items = cast("Sequence[JSONValue]", value) if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, Mapping)]


def text_of(content: JSONValue) -> str:
    """Join the texts of a content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(text for part in objects(content) if isinstance(text := part.get("text"), str))


def role_turns(body: JSONObject) -> list[Turn]:
    """Return the turns of `messages`, each with a role and a content."""
    return [
        Turn(turn.get("role") == "assistant", text_of(turn.get("content"))) for turn in objects(body.get("messages"))
    ]


# -- what the provider answers ------------------------------------------------------------------------------------


@frozen
class Reply:
    """One answer, cut into the pieces that become events.

    `signature` is what its thoughts are signed with. `hides` says that there are thoughts which are sealed and not
    shown; `has_details` that Chat Completions tells thoughts as OpenRouter's items do.
    """

    number: int
    model: str
    text: Sequence[str]
    reasoning: Sequence[str] = ()
    calls: Sequence[ToolCall] = ()
    input_tokens: int = 0
    with_usage: bool = True
    signature: str = SIGNATURE
    hides: bool = False
    has_details: bool = False

    @property
    def thinks(self) -> bool:
        """Whether there are thoughts, shown or not."""
        return self.hides or bool(self.reasoning)

    @property
    def stop(self) -> StopReason:
        """Why it ends."""
        return StopReason.TOOL_USE if self.calls else StopReason.END_TURN

    @property
    def output_tokens(self) -> int:
        """What the provider reports: an event is a token here."""
        arguments = "".join(json.dumps(call.arguments) for call in self.calls)
        return len(self.text) + len(self.reasoning) + estimate_tokens(arguments)


def block_events(reply: Reply) -> list[StreamEvent]:
    """Write an answer as stream events, but for its beginning and its end: thoughts, text, calls."""
    events: list[StreamEvent] = [RedactedReasoning(reply.signature)] if reply.hides else []
    if reply.reasoning and not reply.hides:
        events += [*map(ReasoningDelta, reply.reasoning), ReasoningSignature(reply.signature), BlockStop()]
    if reply.text:
        events += [*map(TextDelta, reply.text), BlockStop()]
    for call in reply.calls:
        parts = (ToolCallDelta(call.id, part) for part in argument_parts(call))
        events += [ToolCallStart(call.id, call.name), *parts, BlockStop(call.id)]
    return events


class EventWriter(Protocol):
    """Writes any stream events in one wire format, in the order in which a model says them.

    `end` is the provider's terminal event.
    """

    end: bytes

    def write(self, place: int, event: StreamEvent, /) -> bytes:
        """Write event number `place`. What the format has no word for is b""."""
        ...


@frozen(kw_only=True)
class WireFormat:
    """How one wire format is spoken by a provider.

    Args:
        path: where requests are posted, for some model.
        serves: whether a path is one of this format's.
        continuation: reads what was said before out of a request's body. The second argument says that the model goes
            on from a trailing assistant turn also where nothing in the request asks it to.
        events: encodes an answer as the events of a stream, the terminal event last. Text is raw UTF-8, not escaped.
        error: writes the body of an HTTP error, from its status and message.
        ping: a sign of life that says nothing.
        stream_error: writes an error inside the stream, from its status and message.
        content_type: of the stream.
    """

    path: str
    serves: Callable[[str], bool]
    continuation: Callable[[JSONObject, bool], Continuation]
    events: Callable[[Reply], list[bytes]]
    error: Callable[[int, str], JSONValue]
    ping: bytes
    stream_error: Callable[[int, str], bytes]
    content_type: str = "text/event-stream; charset=utf-8"


def dump(value: JSONValue) -> bytes:
    """Write JSON as providers do: no spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def data(value: JSONValue) -> bytes:
    """Write an event without a name."""
    return b"data: " + dump(value) + b"\n\n"


def named(name: str, value: JSONObject) -> bytes:
    """Write an event with a name."""
    return b"event: " + name.encode() + b"\n" + data(value)


def argument_parts(call: ToolCall) -> list[str]:
    """Cut the arguments of a call, as JSON, into fragments."""
    text = json.dumps(call.arguments, ensure_ascii=False)
    return [text[at : at + _ARGUMENTS_CHARS] for at in range(0, len(text), _ARGUMENTS_CHARS)]


def split_events(written: bytes) -> list[bytes]:
    """Cut what was written into its events: JSON holds no line end."""
    return [event + b"\n\n" for event in written.split(b"\n\n")[:-1]]


OPENAI_ERRORS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    500: ("server_error", None),
    503: ("server_error", "server_is_overloaded"),
    529: ("server_error", "server_is_overloaded"),
}
"""The types and codes of OpenAI's errors by status; a status that is not named has `server_error` and no code."""


def openai_error(status: int, message: str) -> Fields:
    """Write the error that stands for a status as OpenAI does, in a body or inside a stream."""
    kind, code = OPENAI_ERRORS.get(status, ("server_error", None))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
