"""The Responses API as a provider writes it: every item with its start, its parts, its deltas and its end.

Source: wire-formats §4.2; the recorded streams.
"""

from __future__ import annotations

import json
from itertools import count

from ...core.json_value import JSONObject, JSONValue
from ...core.messages import ToolCall
from .format import (
    Continuation,
    Fields,
    Reply,
    Turn,
    WireFormat,
    argument_parts,
    continuation_of,
    named,
    objects,
    openai_error,
    text_of,
)

_ENDING = "/responses"


def _continuation(body: JSONObject, _continues: bool) -> Continuation:
    """The API has no prefill: a trailing assistant turn is followed by another one."""
    return continuation_of([_turn(item) for item in objects(body.get("input"))], continues=False)


def _turn(item: JSONObject) -> Turn:
    if item.get("type", "message") == "message":
        return Turn(item.get("role") == "assistant", text_of(item.get("content")))
    return Turn(not str(item["type"]).endswith("_output"), "")


def _events(reply: Reply) -> list[bytes]:
    writer = _Writer(reply)
    writer.say("response.created", response=writer.response("in_progress"))
    writer.say("response.in_progress", response=writer.response("in_progress"))
    if reply.thinks:
        writer.reason()
    if reply.text:
        writer.speak()
    for call in reply.calls:
        writer.call(call)
    writer.say("response.completed", response=writer.response("completed"))
    return writer.events


class _Writer:
    """Writes one response. `output` holds the items that ended."""

    def __init__(self, reply: Reply) -> None:
        self.events: list[bytes] = []
        self._reply = reply
        self._numbers = count()
        self._output: list[JSONValue] = []

    def say(self, name: str, **fields: JSONValue) -> None:
        """Write one event with its number."""
        self.events.append(named(name, {"type": name, **fields, "sequence_number": next(self._numbers)}))

    def response(self, status: str) -> JSONObject:
        """Tell the response as it stands."""
        reply = self._reply
        usage: JSONValue = None
        if status == "completed":
            spent, total = reply.output_tokens, reply.input_tokens + reply.output_tokens
            usage = {"input_tokens": reply.input_tokens, "output_tokens": spent, "total_tokens": total}
        named_by: Fields = {"id": f"resp_loopback_{reply.number:04}", "object": "response", "model": reply.model}
        return {**named_by, "status": status, "error": None, "output": [*self._output], "usage": usage}

    def _begin(self, prefix: str, item: JSONObject) -> tuple[str, int]:
        index = len(self._output)
        item_id = f"{prefix}_loopback_{self._reply.number:04}_{index}"
        self.say("response.output_item.added", output_index=index, item={"id": item_id, **item})
        return item_id, index

    def _end(self, item: JSONObject) -> None:
        self.say("response.output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)

    def reason(self) -> None:
        """Write the thoughts: a summary of one part, unless it is hidden, and the item sealed."""
        item_id, index = self._begin("rs", {"type": "reasoning", "summary": []})
        summary: list[JSONValue] = [] if self._reply.hides else [self._summarise(item_id, index)]
        sealed = self._reply.signature
        self._end({"id": item_id, "type": "reasoning", "summary": summary, "encrypted_content": sealed})

    def _summarise(self, item_id: str, index: int) -> Fields:
        place: Fields = {"item_id": item_id, "output_index": index, "summary_index": 0}
        self.say("response.reasoning_summary_part.added", **place, part={"type": "summary_text", "text": ""})
        for piece in self._reply.reasoning:
            self.say("response.reasoning_summary_text.delta", **place, delta=piece)
        whole = "".join(self._reply.reasoning)
        part: Fields = {"type": "summary_text", "text": whole}
        self.say("response.reasoning_summary_text.done", **place, text=whole)
        self.say("response.reasoning_summary_part.done", **place, part=part)
        return part

    def speak(self) -> None:
        """Write the text: a message of one part."""
        role: Fields = {"type": "message", "role": "assistant"}
        item_id, index = self._begin("msg", {**role, "status": "in_progress", "content": []})
        place: Fields = {"item_id": item_id, "output_index": index, "content_index": 0}
        self.say("response.content_part.added", **place, part={"type": "output_text", "text": "", "annotations": []})
        for piece in self._reply.text:
            self.say("response.output_text.delta", **place, delta=piece)
        whole = "".join(self._reply.text)
        part: Fields = {"type": "output_text", "text": whole, "annotations": []}
        self.say("response.output_text.done", **place, text=whole)
        self.say("response.content_part.done", **place, part=part)
        self._end({"id": item_id, **role, "status": "completed", "content": [part]})

    def call(self, call: ToolCall) -> None:
        """Write a call."""
        names: Fields = {"type": "function_call", "call_id": call.id, "name": call.name}
        item_id, index = self._begin("fc", {**names, "status": "in_progress", "arguments": ""})
        place: Fields = {"item_id": item_id, "output_index": index}
        for part in argument_parts(call):
            self.say("response.function_call_arguments.delta", **place, delta=part)
        whole = json.dumps(call.arguments, ensure_ascii=False)
        self.say("response.function_call_arguments.done", **place, arguments=whole)
        self._end({"id": item_id, **names, "status": "completed", "arguments": whole})


RESPONSES = WireFormat(
    path="/v1" + _ENDING,
    serves=lambda path: path.endswith(_ENDING),
    continuation=_continuation,
    events=_events,
    error=openai_error,
    ping=named("keepalive", {"type": "keepalive"}),
    stream_error=lambda status, message: named("error", {"type": "error", **openai_error(status, message)}),
)
"""The Responses API."""
