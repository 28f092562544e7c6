"""Streams of every format with one place in them to put something odd: written by hand from the documented formats.

`§` is where a JSON value stands. A place of a call is a fragment of its arguments, between `{"n": ` and `}`.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Place:
    """One place of one format: what comes before its frame, the frame, and what ends the answer well."""

    provider: str
    kind: str
    before: tuple[str, ...]
    frame: str
    after: tuple[str, ...]

    def stream(self, value: str, *between: str) -> bytes:
        """Write the answer with a value, as JSON, in its place; `between` are lines that stand before it."""
        frames = (*self.before, *between, self.frame.replace("§", value), *self.after)
        if self.provider == "ollama":
            return "".join(f"{frame}\n" for frame in frames).encode()
        return "".join(f"data: {frame}\n\n" for frame in frames).encode()


_CHAT = '{"id":"c","choices":[{"index":0,"delta":{"%s":§},"finish_reason":null}]}'
_CHAT_END = ('{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}', "[DONE]")
_CHAT_CALL = '{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,%s}]}}]}'
_CHAT_NAMED = _CHAT_CALL % '"id":"a","function":{"name":"look","arguments":"{\\"n\\": "}'
_CHAT_CLOSED = _CHAT_CALL % '"function":{"arguments":"}"}'

_START = '{"type":"message_start","message":{"id":"m","model":"m"}}'
_BLOCK = '{"type":"content_block_start","index":0,"content_block":{"type":"%s"%s}}'
_DELTA = '{"type":"content_block_delta","index":0,"delta":{"type":"%s_delta","%s":§}}'
_STOP = (
    '{"type":"content_block_stop","index":0}',
    '{"type":"message_delta","delta":{"stop_reason":"end_turn"}}',
    '{"type":"message_stop"}',
)
_TOOL = _BLOCK % ("tool_use", ',"id":"a","name":"look","input":{}')
_TOOL_DELTA = _DELTA % ("input_json", "partial_json")

_CREATED = '{"type":"response.created","response":{"id":"resp_1","model":"m"}}'
_ADDED = '{"type":"response.output_item.added","output_index":0,"item":{"type":"%s","id":"i"%s}}'
_COMPLETED = ('{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]}}',)
_FUNCTION = _ADDED % ("function_call", ',"call_id":"a","name":"look"')
_ARGUMENTS = '{"type":"response.function_call_arguments.delta","output_index":0,"delta":§}'
_CALLED = (
    '{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"a","name":"look"}}'
)

_GEMINI = '{"responseId":"r","candidates":[{"content":{"parts":[%s]}}]}'
_GEMINI_END = ('{"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}',)

_INTERACTION = '{"event_type":"interaction.created","interaction":{"id":"v","model":"m"}}'
_STEP = '{"event_type":"step.start","index":0,"step":{"type":"%s"%s}}'
_STEP_DELTA = '{"event_type":"step.delta","index":0,"delta":{"type":"%s",%s}}'
_STEP_END = (
    '{"event_type":"step.stop","index":0}',
    '{"event_type":"interaction.completed","interaction":{"id":"v","status":"completed"}}',
)
_LINE = '{"model":"m","created_at":"t","message":{"role":"assistant","%s":§},"done":false}'
_DONE = ('{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}',)

TEXT = (
    Place("openai", "text", (), _CHAT % "content", _CHAT_END),
    Place("vllm", "text", (), _CHAT % "content", _CHAT_END),
    Place("openai", "text", (), _CHAT % "refusal", _CHAT_END),
    Place("anthropic", "text", (_START, _BLOCK % ("text", "")), _DELTA % ("text", "text"), _STOP),
    Place("anthropic", "text", (_START,), _BLOCK % ("text", ',"text":§'), _STOP),
    Place("openai-responses", "text", (_CREATED,),
          '{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":§}', _COMPLETED),
    Place("openai-responses", "text", (_CREATED,),
          '{"type":"response.output_text.done","output_index":0,"content_index":0,"text":§}', _COMPLETED),
    Place("openai-responses", "text", (_CREATED,),
          '{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":§}', _COMPLETED),
    Place("openai-responses", "text", (_CREATED,), '{"type":"response.output_item.done","output_index":0,"item":'
          '{"type":"message","id":"i","content":[{"type":"output_text","text":§}]}}', _COMPLETED),
    Place("gemini", "text", (), _GEMINI % '{"text":§}', _GEMINI_END),
    Place("gemini-interactions", "text", (_INTERACTION, _STEP % ("model_output", "")),
          _STEP_DELTA % ("text", '"text":§'), _STEP_END),
    Place("ollama", "text", (), _LINE % "content", _DONE),
    Place("ollama", "text", (), '{"model":"m","response":§,"done":false}', _DONE),
)  # fmt: skip

REASONING = (
    Place("vllm", "reasoning", (), _CHAT % "reasoning_content", _CHAT_END),
    Place("openrouter", "reasoning", (), _CHAT % "reasoning", _CHAT_END),
    Place("openrouter", "reasoning", (), '{"id":"c","choices":[{"index":0,"delta":{"reasoning_details":'
          '[{"type":"reasoning.text","index":0,"text":§}]}}]}', _CHAT_END),
    Place("anthropic", "reasoning", (_START, _BLOCK % ("thinking", "")), _DELTA % ("thinking", "thinking"), _STOP),
    Place("openai-responses", "reasoning", (_CREATED,),
          '{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":§}', _COMPLETED),
    Place("openai-responses", "reasoning", (_CREATED,),
          '{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":§}', _COMPLETED),
    Place("gemini", "reasoning", (), _GEMINI % '{"thought":true,"text":§}', _GEMINI_END),
    Place("gemini-interactions", "reasoning", (_INTERACTION, _STEP % ("thought", "")),
          _STEP_DELTA % ("thought_summary", '"content":{"type":"text","text":§}'), _STEP_END),
    Place("ollama", "reasoning", (), _LINE % "thinking", _DONE),
)  # fmt: skip

ARGUMENTS = (
    Place("openai", "arguments", (_CHAT_NAMED,),
          _CHAT_CALL.replace("%s", '"function":{"arguments":§}'), (_CHAT_CLOSED, *_CHAT_END)),
    Place("anthropic", "arguments", (_START, _TOOL, _TOOL_DELTA.replace("§", '"{\\"n\\": "')),
          _TOOL_DELTA.replace("§", "§"), (_TOOL_DELTA.replace("§", '"}"'), *_STOP)),
    Place("openai-responses", "arguments", (_CREATED, _FUNCTION, _ARGUMENTS.replace("§", '"{\\"n\\": "')),
          _ARGUMENTS, (_ARGUMENTS.replace("§", '"}"'), _CALLED, *_COMPLETED)),
    Place("gemini-interactions", "arguments",
          (_INTERACTION, _STEP % ("function_call", ',"id":"a","name":"look"'),
           _STEP_DELTA % ("arguments_delta", '"arguments":"{\\"n\\": "')),
          _STEP_DELTA % ("arguments_delta", '"arguments":§'),
          (_STEP_DELTA % ("arguments_delta", '"arguments":"}"'), *_STEP_END)),
)  # fmt: skip

NAMES = (
    Place("openai", "name", (), _CHAT_CALL.replace("%s", '"id":"a","function":{"name":§,"arguments":"{}"}'),
          _CHAT_END),
    Place("anthropic", "name", (_START,),
          '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":§,"input":{}}}',
          _STOP),
    Place("openai-responses", "name", (_CREATED,), '{"type":"response.output_item.done","output_index":0,"item":'
          '{"type":"function_call","call_id":"a","name":§,"arguments":"{}"}}', _COMPLETED),
    Place("gemini", "name", (), _GEMINI % '{"functionCall":{"id":"a","name":§,"args":{}}}', _GEMINI_END),
    Place("gemini-interactions", "name", (_INTERACTION,),
          '{"event_type":"step.start","index":0,"step":{"type":"function_call","id":"a","name":§}}', _STEP_END),
    Place("ollama", "name", (), '{"message":{"tool_calls":[{"id":"a","function":{"name":§,"arguments":{}}}]}}', _DONE),
)  # fmt: skip

OBJECTS = (
    Place("openai", "arguments", (),
          _CHAT_CALL.replace("%s", '"id":"a","function":{"name":"look","arguments":§}'), _CHAT_END),
    Place("anthropic", "arguments", (_START,),
          '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"look","input":§}}',
          _STOP),
    Place("openai-responses", "arguments", (_CREATED,), '{"type":"response.output_item.done","output_index":0,"item":'
          '{"type":"function_call","call_id":"a","name":"look","arguments":§}}', _COMPLETED),
    Place("gemini", "arguments", (), _GEMINI % '{"functionCall":{"id":"a","name":"look","args":§}}', _GEMINI_END),
    Place("gemini-interactions", "arguments", (_INTERACTION,),
          '{"event_type":"step.start","index":0,"step":{"type":"function_call","id":"a","name":"look","arguments":§}}',
          _STEP_END),
    Place("ollama", "arguments", (), '{"message":{"tool_calls":[{"id":"a","function":{"name":"look","arguments":§}}]}}',
          _DONE),
)  # fmt: skip
"""Where the arguments of a call may stand whole, as an object."""
