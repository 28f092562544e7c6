"""What a chunk of Chat Completions holds, read without a memory of the chunks before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from attrs import evolve

from ...engine.core.framing import ServerSentEvent
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.stream_events import ReasoningDelta, ReasoningSignature, TextDelta
from ...engine.core.usage import UsageReport
from ..error_table.classify import is_complaint
from ..wire.json import count_at, list_at, object_at, text_at
from ..wire.spoken import spoken, spoken_at

PLAIN_EVENTS: dict[str, type[TextDelta] | type[ReasoningDelta]] = {
    "content": TextDelta,
    "reasoning_content": ReasoningDelta,
    "reasoning": ReasoningDelta,
}

REASONING_KEYS = ("reasoning_content", "reasoning", "reasoning_text")
"""Where reasoning is said: DeepSeek's name, OpenRouter's and vLLM's, and Copilot's."""

_OF_A_THOUGHT = frozenset({"text", "signature", "redactedContent", "redacted_content"})
"""What an object holds that is a thought; any other object is none."""

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
    if count_at(object_at(chunk, "base_resp"), "status_code"):  # MiniMax's envelope: 0 in every chunk that is none
        return {"base_resp": chunk["base_resp"]}
    return chunk if not choices and (frame.event == "error" or is_complaint(chunk)) else None


def usage_of(chunk: JSONObject) -> JSONObject:
    """Return the counts of a chunk: beside the choices, or where Groq puts them; an empty object without."""
    return object_at(chunk, "usage") or object_at(object_at(chunk, "x_groq"), "usage")


def is_first(choice: JSONObject) -> bool:
    """Whether a choice is the first one, which is the only one that is read."""
    return choice.get("index") in (0, None)


def says(delta: JSONObject, key: str) -> bool:
    """Whether anything is said at `key`: a 0 and a false are characters, too."""
    value = delta.get(key)
    return value is not None and value not in ("", [], {})


def reasoning_of(delta: JSONObject) -> str | None:
    """Return the reasoning that a delta says in plain text, or as an object that holds it (envoy's gateway).

    None for what is no text.
    """
    for key in REASONING_KEYS:
        value = delta.get(key)
        is_signed = isinstance(value, dict) and not value.keys().isdisjoint(_OF_A_THOUGHT)
        said = spoken_at(value, "text") if isinstance(value, dict) and is_signed else spoken(value)
        if said != "":
            return said
    return ""


Piece: TypeAlias = TextDelta | ReasoningDelta | ReasoningSignature | Ignored | None
"""What a part of a content is: said, or what signs a thought; a kind that is only counted; None for what is no text."""


def pieces_of(content: JSONValue) -> Iterator[Piece]:
    """Read a content: a text, or a list of parts as Mistral and Databricks send it."""
    for part in content if isinstance(content, list) else (content,):
        if isinstance(part, dict) and isinstance(content, list):
            yield from _pieces_of_part(part)
        elif (text := spoken([part] if isinstance(part, list) else part)) != "":
            yield None if text is None else TextDelta(text)


def _pieces_of_part(part: JSONObject) -> Iterator[Piece]:
    kind = part.get("type", "text")
    if kind in ("text", "output_text"):
        text = spoken_at(part, "text")
        yield None if text is None else TextDelta(text)
    elif kind in ("thinking", "reasoning"):
        said = part.get("thinking") or part.get("summary") or part.get("text")
        for thought in (*(said if isinstance(said, list) else (said,)), {"signature": part.get("signature")}):
            yield from _pieces_of_thought(thought if isinstance(thought, dict) else {"text": thought})
    else:  # a text of no known kind may be anything
        yield None if says(part, "text") else Ignored.UNKNOWN_PART


def _pieces_of_thought(thought: JSONObject) -> Iterator[Piece]:
    text = spoken_at(thought, "text")
    yield None if text is None else ReasoningDelta(text)
    if signature := text_at(thought, "signature"):
        yield ReasoningSignature(signature)


def plain_key(choices: Sequence[JSONValue]) -> str:
    """Return where a chunk said a piece of text or reasoning and nothing else; "" for any other chunk.

    Only after such a chunk may the next be read without parsing.
    """
    choice = choices[0] if len(choices) == 1 else None
    if not isinstance(choice, dict) or not is_first(choice) or choice.get("finish_reason"):
        return ""
    delta = object_at(choice, "delta")
    said = [key for key in delta if key != "role" and says(delta, key)]
    return said[0] if len(said) == 1 and said[0] in PLAIN_EVENTS and text_at(delta, said[0]) else ""


def is_silent(choices: Sequence[JSONValue]) -> bool:
    """Whether none of the choices says anything."""
    deltas = [object_at(choice, "delta") for choice in choices if isinstance(choice, dict)]
    return not any(says_text(delta) or says_calls(delta) for delta in deltas)


def says_text(delta: JSONObject) -> bool:
    """Whether a delta says text or reasoning."""
    return any(says(delta, key) for key in _TEXTS)


def says_calls(delta: JSONObject) -> bool:
    """Whether a delta says a piece of a call."""
    return any(says(delta, key) for key in _CALLS)


def report(usage: JSONObject, chunk: JSONObject) -> Iterator[UsageReport]:
    """Report the counts of a chunk, if there are any that are known, and the tier that it names."""
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
        yield evolve(said, service_tier=text_at(chunk, "service_tier") or text_at(usage, "service_tier") or None)
