"""A stream with something planted in any of its strings: values, object keys, names of events, what is no JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from attrs import frozen

from tests.providers import gemini_samples as gemini
from tests.providers import openai_responses_samples as responses
from tests.providers import samples

KEY = "sk-canary-0123456789abcdef"
CANARY = f"{KEY}\x1b]0;owned\x07\x1b[31m\r\n{KEY}\u2028\u2029\x85\u202e\ud800{KEY}" + "\u0301x" * 50_000
"""A key, escapes, line breaks of all kinds, a turned direction, half a pair, and 100,000 characters."""

Place: TypeAlias = tuple[str | int, ...]


@frozen
class Frame:
    """One event or line; `payload` is JSON, or text that is none."""

    payload: Any
    name: str | None = None

    def write(self, *, is_line: bool) -> bytes:
        """Encode it as SSE, or as a line of NDJSON."""
        text = self.payload if isinstance(self.payload, str) else json.dumps(self.payload)
        name = "" if self.name is None else f"event: {self.name}\n"
        framed = f"{text}\n" if is_line else f"{name}data: {text}\n\n"
        return framed.encode("utf-8", "surrogatepass")


def frames_of(body: bytes) -> list[Frame]:
    """Read a sample back into its frames."""
    frames, name = list[Frame](), None
    for line in body.decode("utf-8", "surrogatepass").replace("\r\n", "\n").split("\n"):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif text := line.removeprefix("data: "):
            frames.append(Frame(json.loads(text) if text.startswith("{") else text, name))
            name = None
    return frames


def strings_of(frames: list[Frame]) -> set[str]:
    """Every string in them: values, keys and names."""
    found = {frame.name for frame in frames if frame.name is not None}
    return found | {string for frame in frames for string in _strings(frame.payload)}


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _strings(item)
        case dict():
            for key, item in value.items():
                yield from (key, *_strings(item))


def planted(frame: Frame, string: str, canary: str = CANARY) -> Frame:
    """The frame with the canary in the place of a string, wherever it is one."""
    name = canary if frame.name == string else frame.name
    return Frame(_replaced(frame.payload, string, canary), name)


def _replaced(value: Any, string: str, canary: str) -> Any:
    match value:
        case str():
            return canary if value == string else value
        case list():
            return [_replaced(item, string, canary) for item in value]
        case dict():
            return {_replaced(key, string, canary): _replaced(item, string, canary) for key, item in value.items()}
        case _:
            return value


def doubled(frames: list[Frame]) -> list[Frame]:
    """Every frame twice: what starts starts again, what has ended goes on."""
    return [frame for one in frames for frame in (one, one)]


# -- what is planted into -----------------------------------------------------------------------------------------

_SERVER_TOOL = samples.block_start(2, "server_tool_use", id="srvtoolu_1", name="web_search", input={})
_ANTHROPIC: list[Any] = [
    samples.message_start(),
    samples.block_start(0),
    samples.block_delta(0, "Hello"),
    samples.block_stop(0),
    samples.block_start(1, "redacted_thinking", data="sealed"),
    samples.block_stop(1),
    _SERVER_TOOL,
    samples.block_delta(2, '{"query": "x"}', "input_json_delta"),
    samples.block_stop(2),
    samples.block_start(3, "web_search_tool_result", tool_use_id="srvtoolu_1", content=[]),
    samples.block_stop(3),
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
]
_OPENAI: list[Any] = [
    samples.chunk({"role": "assistant", "content": "Hello", "reasoning": "hm"}),
    samples.chunk({"reasoning_details": [{"type": "reasoning.text", "text": "so", "signature": "s", "index": 0}]}),
    samples.chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}]}),
    samples.chunk(samples.call({"city": "Rome"}, call_id="call_a", name="look")),
    samples.chunk({}, "error"),
    {"error": {"message": "Overloaded", "type": "server_error", "param": "messages", "code": "overloaded"}},
]
_RESPONSES: list[Any] = [
    *responses.ANSWER_EVENTS[:-1],
    responses.added(20, "code_interpreter_call", id="ci_1", status="in_progress", code=""),
    {"type": "response.code_interpreter_call_code.delta", "output_index": 20, "item_id": "ci_1", "delta": "print"},
    {"type": "response.mcp_call_arguments.delta", "output_index": 20, "item_id": "ci_1", "delta": "{}"},
    {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "no"}}},
]
_GEMINI: list[Any] = [
    gemini.chunk(gemini.text("Hello")),
    gemini.chunk({"executableCode": {"language": "PYTHON", "code": "print(1)"}}),
    gemini.chunk(gemini.call("write", willContinue=True)),
    gemini.chunk(gemini.call(None, partialArgs=[gemini.piece("$.a", "x", willContinue=True)], willContinue=True)),
    gemini.chunk(finish="MALFORMED_FUNCTION_CALL"),
    {"promptFeedback": {"blockReason": "SAFETY"}},
    gemini.ERROR,
]
_INTERACTIONS: list[Any] = [
    gemini.created(),
    gemini.start(0, "google_search_call", id="s1", arguments={"queries": ["x"]}),
    gemini.stop(0),
    gemini.start(1, "mcp_server_tool_call", id="s2", name="tool", server_name="server", arguments={}),
    gemini.delta(1, "mcp_server_tool_call", arguments={"a": "b"}),
    gemini.event("interaction.status_update", interaction_id="v1_abc", status="queued"),
    gemini.completed("failed", error={"message": "Overloaded", "code": "unavailable"}),
]
_OLLAMA: list[Any] = [
    {"model": "m", "created_at": "2026", "message": {"role": "assistant", "content": "Hello", "thinking": "hm"}},
    {"model": "m", "message": {"tool_calls": [{"id": "c", "function": {"name": "look", "arguments": {"a": "b"}}}]}},
    {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "stop", "eval_count": 3},
]


def _named(*payloads: Any) -> list[Frame]:
    return [Frame(payload, payload.get("type")) for payload in payloads]


def _bare(*payloads: Any) -> list[Frame]:
    return [Frame(payload) for payload in payloads]


STREAMS: dict[str, list[list[Frame]]] = {
    "anthropic": [frames_of(samples.ANTHROPIC_ANSWER), _named(*_ANTHROPIC)],
    "openai": [frames_of(samples.OPENAI_ANSWER), _bare(*_OPENAI), _bare(_OPENAI[-1])],
    "openai-responses": [
        frames_of(responses.ANSWER),
        _named(*responses.numbered(*_RESPONSES)),
        _named(*_RESPONSES),
    ],
    "gemini": [frames_of(gemini.ANSWER), _bare(*_GEMINI), *(_bare(*_GEMINI[:1], one) for one in _GEMINI[-3:])],
    "gemini-interactions": [
        frames_of(gemini.interactions_sse(*gemini.INTERACTION)),
        frames_of(gemini.interactions_sse(*_INTERACTIONS)),
    ],
    "ollama": [_bare(*_OLLAMA), _bare(_OLLAMA[0], {"error": "the model is overloaded"})],
}
"""Streams by wire format: whole answers, and what ends one early or is rare."""


def bodies(frames: list[Frame], string: str, *, is_line: bool) -> Iterator[bytes]:
    """The stream with one of its strings planted: whole, cut behind its first place, and there doubled."""
    changed = [planted(frame, string) for frame in frames]
    at = next(number for number, frame in enumerate(frames) if changed[number] != frame)
    for variant in (changed, changed[: at + 1], [*changed[:at], *doubled(changed[at : at + 6])]):
        yield b"".join(frame.write(is_line=is_line) for frame in variant)
