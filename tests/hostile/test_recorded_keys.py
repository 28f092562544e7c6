"""A recording without content holds no key and no value of the user's, in any format, and replays to the same shape."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import riverrun as rr
from riverrun import Recorder
from riverrun.engine.core.tool_json import parse_arguments
from riverrun.engine.recording.redaction import Placeholders
from riverrun.engine.testing.network.recorded import recorded
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from riverrun.lowlevel import error_words
from riverrun.providers.by_name import provider_classes
from riverrun.providers.openai_chat.chunk import REASONING_KEYS
from tests.hostile.planting import Frame
from tests.hostile.test_foreign_text import KEY, POLICY, provider_of, script, streams_of
from tests.testing.wire_fields import ALL_FIELDS

ROOT = Path(__file__).resolve().parents[2]
WORD = "Hippo"
"""In every key and value of the user's below; small letters and capitals are drawn apart."""

SCHEMA = {"type": "object", "properties": {"hippoRiver": {"enum": ["hippoBank"]}, "hippoId": {"$ref": "#/hippoDef"}}}
HELD = {
    "hippoKey": "hippoValue",
    "id": "hippo-id",
    "type": "hippo",
    "status": "hippo",
    "provider": {"hippo": ["hippo"]},
}
ECHO: dict[str, Any] = {
    "metadata": HELD,
    "prompt": {
        "id": "pmpt_1",
        "variables": {"hippoName": "hippo", "hippoFile": {"type": "input_text", "text": "hippo"}},
    },
    "text": {"format": {"type": "json_schema", "name": "hippoFormat", "schema": SCHEMA}},
    "tools": [{"type": "function", "name": "find_hippo", "parameters": SCHEMA, "input_schema": SCHEMA}],
    "tool_choice": {"type": "function", "name": "find_hippo"},
    "filters": {"key": "hippo", "type": "eq", "hippo": "hippo"},
    "results": [{"attributes": HELD, "hippoScore": "hippo"}],
    "labels": HELD,
    "hippoFeature": {"hippo": {"model": "hippo-model", "hippo": 7}},
    "error_context": {"param": "tools[0].parameters.hippoRiver"},
}
REQUEST = rr.InferenceRequest(
    [
        rr.Message.user("Where do hippos sleep?"),
        rr.Message.assistant(rr.ToolCall("hippo-call-1", "find_hippo", {"hippoRiver": "hippoBank"})),
        rr.Message.tool_results(rr.ToolResult("hippo-call-1", "hippos at the bank")),
    ],
    system="You know hippos.",
    tools=[rr.Tool("find_hippo", "finds a hippo", SCHEMA)],
)
MORE = {
    "ollama": {"stop_sequences": ["hippo"]},
    "openai-responses": {"tool_choice": rr.ToolChoice.tool("find_hippo")},
}
"""What not every format has: a forced call, and stop sequences."""


def request_of(name: str) -> rr.InferenceRequest:
    most = {"stop_sequences": ["hippo"], "tool_choice": rr.ToolChoice.tool("find_hippo")}
    return evolve(REQUEST, **MORE.get(name, most))


ERROR = {"error": {"message": "hippoRiver is no number", "type": "invalid_request_error", "param": "tools.hippoRiver"}}
DETAIL = {
    "detail": [{"type": "x", "loc": ["body", "hippoRiver"], "msg": "hippo", "input": HELD, "ctx": {"hippo": "y"}}]
}
REFUSAL = {"base_resp": {"status_code": 1004, "status_msg": "hippoRiver is no key, login fail"}, "hippo": "hippo"}
UNSUCCESSFUL = {
    "success": False,
    "error_msg": "hippoRiver is not known",
    "errors": [{"message": "hippo", "code": 7003}],
}


def echoing(frames: list[Frame]) -> list[Frame]:
    """The stream, each of its events with what the request said beside its own; in its response too, if it has one."""
    return [Frame(_echoing(frame.payload), frame.name) for frame in frames]


def _echoing(payload: Any) -> Any:
    if not isinstance(payload, dict) or payload.get("event_type"):
        return {**payload, "hippoFeature": HELD} if isinstance(payload, dict) else payload
    held = {key: {**value, **ECHO} for key, value in payload.items() if key in ("response", "message_start")}
    return {**ECHO, **payload, **held}


def shape(value: Any) -> Any:
    """Sizes and structure of JSON, in order."""
    match value:
        case dict():
            return [shape(item) for item in value.values()]
        case list() | tuple():
            return [shape(item) for item in value]
        case str():
            return len(value)
        case _:
            return type(value).__name__


async def ask(engine: rr.Engine, request: rr.InferenceRequest) -> list[object]:
    """What a run comes to: kinds and sizes, no word."""
    try:
        result = await engine.complete(request)
    except rr.InferenceError as error:
        return [type(error), error.status, error.code]
    calls = [shape([call.name, call.arguments]) for call in result.tool_calls]
    return [result.stop_reason, len(result.text), calls, result.usage.input, [str(a.cause) for a in result.attempts]]


async def record_and_replay(provider: Any, said: Script, path: Path) -> tuple[list[object], list[object]]:
    request = request_of(provider.name)
    scripted = ScriptedTransport(lambda _: said)
    with Recorder(path, provider, request, policy=POLICY, transport=scripted, words=error_words()) as recorder:
        was = await ask(rr.Engine(provider, transport=recorder.transport, policy=POLICY), request)
    again = recorded(path, provider=provider)
    return was, await ask(again.engine(), again.request)


@pytest.mark.parametrize("name", provider_classes())
@pytest.mark.parametrize("number", range(3))
async def test_no_key_and_no_value_of_the_user_s_is_in_a_recording(
    name: str, number: int, tmp_path: Path, autojump_clock: MockClock
) -> None:
    frames = (streams_of(name) * 3)[number]
    body = b"".join(frame.write(is_line=name == "ollama") for frame in echoing(frames))
    path = tmp_path / "it.jsonl"
    was, again = await record_and_replay(provider_of(name), script(provider_of(name), body), path)
    assert WORD.lower() not in path.read_text().lower()
    assert again == was


@pytest.mark.parametrize("name", provider_classes())
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("said", [ERROR, DETAIL, REFUSAL, UNSUCCESSFUL])
async def test_no_error_brings_the_user_s_keys_into_a_recording(
    name: str, said: dict[str, Any], status: int, tmp_path: Path, autojump_clock: MockClock
) -> None:
    error_response = Script([json.dumps(said).encode()], status, {"content-type": "application/json"})
    was, again = await record_and_replay(provider_of(name), error_response, tmp_path / "it.jsonl")
    assert WORD.lower() not in (tmp_path / "it.jsonl").read_text().lower()
    assert again == was


KEYS = st.text(st.characters(max_codepoint=127, categories=("L", "N", "P")), max_size=3)
OBJECTS = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.integers(0, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=12),
    max_leaves=30,
)


@given(st.dictionaries(KEYS, OBJECTS, max_size=26), st.binary(min_size=1, max_size=4))
def test_no_object_gets_a_key_twice_by_its_placeholders(given: dict[str, Any], key: bytes) -> None:
    text = json.dumps(given, ensure_ascii=False)
    body = json.dumps({"args": given, "item": {"arguments": text}}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    shaped = Placeholders(key, fields=ALL_FIELDS).body(body).decode("utf-8", "replace")
    read = parse_arguments(shaped)
    assert read is not None
    assert shape(read["args"]) == shape(given)
    assert shape(parse_arguments(read["item"]["arguments"])) == shape(given)


def test_a_key_has_one_placeholder_wherever_it_stands() -> None:
    river = {"river": 1}
    said = {"metadata": river, "tools": [{"parameters": river}], "arguments": json.dumps(river), "args": river}
    shaped = json.loads(Placeholders(b"k", fields=ALL_FIELDS).body(json.dumps(said).encode()))
    places = [shaped["metadata"], shaped["tools"][0]["parameters"], json.loads(shaped["arguments"]), shaped["args"]]
    assert len({key for place in places for key in place}) == 1
    assert "river" not in shaped["args"]


OF_CURSORS = {"open", "calls", "held", "argued", "kind", "repeats"}
"""Keys of what decoders write themselves."""
ENCODING = ("encode", "extra", "model", "thinking", "provider", "presets", "preset_dialects", "preset_models", "azure")
"""Modules that write requests: they ask for keys of the caller's own."""


def keys_read(folder: str) -> set[str]:
    """Every key that the decoders of a folder ask for by name."""
    paths = [path for path in (ROOT / "providers" / folder).glob("*.py") if path.stem not in ENCODING]
    calls = [
        node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    readers = {"text_at", "name_at", "object_at", "list_at", "count_at", "number_at"}
    return {
        argument.value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in readers
        for argument in call.args[1:2]
        if isinstance(argument, ast.Constant)
    }


@pytest.mark.parametrize("name", provider_classes())
def test_every_key_that_a_decoder_reads_stays(name: str) -> None:
    made = provider_classes()[name]
    folder = type(made("m", api_key=KEY, base_url="https://a.test").decoder(rr.Limits())).__module__.split(".")[-2]
    assert len(keys_read(folder)) > 5
    assert keys_read(folder) - made.wire_fields.keys <= OF_CURSORS


def test_every_key_stays_that_is_looked_for_among_others() -> None:
    known = {name: made.wire_fields.keys for name, made in provider_classes().items()}
    assert {*REASONING_KEYS, "redactedContent", "redacted_content"} <= known["openai"]
    assert {"partMetadata", "mediaResolution", "mediaProcessing", "videoMetadata"} <= known["gemini"]
    assert "total_usage" in known["gemini-interactions"]
    assert all(keys >= {"error_msg", "success"} for keys in known.values())


@pytest.mark.parametrize("name", provider_classes())
def test_every_key_of_an_error_stays(name: str) -> None:
    assert len(keys_read("error_table")) > 10
    assert keys_read("error_table") <= provider_classes()[name].wire_fields.keys


@pytest.mark.parametrize("name", provider_classes())
def test_what_a_field_is_said_to_hold_is_said_of_a_known_field(name: str) -> None:
    said = provider_classes()[name].wire_fields
    for group in ("names", "users", "fragments", "paths", "streamed", "whole", "places", "messages", "errors"):
        assert getattr(said, group) <= said.keys, group
