"""What a chunk of Chat Completions holds, read without a memory of the chunks before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...engine.core.framing import ServerSentEvent
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.stream_events import ReasoningDelta, TextDelta
from ...engine.core.usage import UsageReport
from ..wire.json import count_at, list_at, object_at, text_at

PLAIN_EVENTS: dict[str, type[TextDelta] | type[ReasoningDelta]] = {
    "content": TextDelta,
    "reasoning_content": ReasoningDelta,
    "reasoning": ReasoningDelta,
}

REASONING_KEYS = ("reasoning_content", "reasoning", "reasoning_text")
"""Where reasoning is said: DeepSeek's name, OpenRouter's and vLLM's, and Copilot's."""

_TEXTS = ("content", *REASONING_KEYS, "reasoning_details", "refusal")
_CALLS = ("tool_calls", "function_call")


def is_end_mark(data: str, *, is_cut: bool = False) -> bool:
    """Whether a frame is `[DONE]`; `is_cut`: or what a proxy left of it, that drops the last bytes of every body."""
    mark = data.strip()
    return mark == "[DONE]" or (is_cut and mark[:2] == "[D" and "[DONE]".startswith(mark))


def error_of(frame: ServerSentEvent, chunk: JSONObject) -> JSONValue:
    """Return the error that a chunk is, in one of the shapes in use; None where it is none."""
    choices = list_at(chunk, "choices")
    first = choices[0] if choices else None
    if error := chunk.get("error") or (first.get("error") if isinstance(first, dict) else None):
        return error
    return chunk if not choices and (frame.event == "error" or chunk.get("object") == "error") else None


def usage_of(chunk: JSONObject) -> JSONObject:
    """Return the counts of a chunk: beside the choices, or where Groq puts them; an empty object without."""
    return object_at(chunk, "usage") or object_at(object_at(chunk, "x_groq"), "usage")


def is_first(choice: JSONObject) -> bool:
    """Whether a choice is the first one, which is the only one that is read."""
    return choice.get("index") in (0, None)


def reasoning_of(delta: JSONObject) -> str:
    """Return the reasoning that a delta says in plain text, or as an object that holds it (envoy's gateway)."""
    said = (text_at(delta, key) or text_at(object_at(delta, key), "text") for key in REASONING_KEYS)
    return next(filter(None, said), "")


def plain_key(choices: Sequence[JSONValue]) -> str:
    """Return where a chunk said a piece of text or reasoning and nothing else; "" for any other chunk.

    Only after such a chunk may the next be read without parsing.
    """
    choice = choices[0] if len(choices) == 1 else None
    if not isinstance(choice, dict) or not is_first(choice) or choice.get("finish_reason"):
        return ""
    delta = object_at(choice, "delta")
    said = [key for key, value in delta.items() if value and key != "role"]
    return said[0] if len(said) == 1 and said[0] in PLAIN_EVENTS and text_at(delta, said[0]) else ""


def is_silent(choices: Sequence[JSONValue]) -> bool:
    """Whether none of the choices says anything."""
    deltas = [object_at(choice, "delta") for choice in choices if isinstance(choice, dict)]
    return not any(says_text(delta) or says_calls(delta) for delta in deltas)


def says_text(delta: JSONObject) -> bool:
    """Whether a delta says text or reasoning."""
    return any(delta.get(key) for key in _TEXTS)


def says_calls(delta: JSONObject) -> bool:
    """Whether a delta says a piece of a call."""
    return any(delta.get(key) for key in _CALLS)


def wants_strictness(chunk: JSONObject) -> bool:
    """Whether a chunk holds counts, or arguments as an object: both are read as strictly as arguments are."""
    if usage_of(chunk):
        return True
    for choice in list_at(chunk, "choices"):
        calls = list_at(object_at(choice, "delta"), "tool_calls") if isinstance(choice, dict) else ()
        if any(isinstance(call, dict) and object_at(object_at(call, "function"), "arguments") for call in calls):
            return True
    return False


def report(usage: JSONObject) -> Iterator[UsageReport]:
    """Report the counts, if there are any that are known."""
    prompt, completion = object_at(usage, "prompt_tokens_details"), object_at(usage, "completion_tokens_details")
    cached = count_at(prompt, "cached_tokens")
    said = UsageReport(
        input=count_at(usage, "prompt_tokens"),
        output=count_at(usage, "completion_tokens"),
        cached_input=count_at(usage, "prompt_cache_hit_tokens") if cached is None else cached,  # DeepSeek's own name
        cache_write=count_at(prompt, "cache_write_tokens"),
        reasoning=count_at(completion, "reasoning_tokens"),
        total=count_at(usage, "total_tokens"),
    )
    if said != UsageReport():
        yield said
