"""Google's own library as an oracle: it reads the same from the same bytes, and takes the requests we write.

Where we differ on purpose: it fails on arrays (it only asks for events), does not put pieces of arguments together, and
ends a body that broke off like one that was whole.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import interactions as genai_interactions
from google.genai import types as genai_types

from riverrun.engine.core.messages import (
    ImageBlock,
    Message,
    OpaqueBlock,
    ReasoningBlock,
    TextBlock,
    Tool,
    ToolCall,
    ToolResult,
)
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.engine.core.secret import Secret
from riverrun.providers.gemini.decode import FAULTS, STOP_REASONS
from riverrun.providers.gemini.provider import BASE_URL_ENV, Gemini
from riverrun.providers.gemini_interactions.decode import InteractionCursor
from riverrun.providers.gemini_interactions.provider import GeminiInteractions
from tests.conftest import shared_path
from tests.providers.fold import decode, fold
from tests.providers.gemini_samples import (
    ANSWER,
    CHUNKS,
    DONE,
    ERROR,
    INTERACTION,
    KEY,
    array,
    call,
    chunk,
    interactions_sse,
    numbered,
    sse,
    text,
    usage,
)


class Library:
    """The official client over a transport that answers everything with these bytes and keeps what was asked."""

    def __init__(self, data: bytes) -> None:
        self.asked: list[Any] = []
        headers = {"content-type": "text/event-stream"}

        def answer(asked: Any) -> Any:
            self.asked.append(asked)
            return httpx2.Response(200, content=data, headers=headers)

        self._http = httpx2.Client(transport=httpx2.MockTransport(answer))
        options = genai_types.HttpOptions(httpx_client=self._http, api_version="v1beta")
        self.client = genai.Client(api_key=KEY, http_options=options)

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._http.close()


def library_reads(data: bytes) -> dict[str, Any]:
    read: dict[str, Any] = {"text": "", "reasoning": "", "calls": [], "stop": None, "usage": None}
    config = genai_types.GenerateContentConfig(automatic_continuation=False)
    with Library(data) as library:
        for one in library.client.models.generate_content_stream(model="m", contents="x", config=config):
            candidate = one.candidates[0] if one.candidates else None
            for part in ((candidate.content and candidate.content.parts) or []) if candidate else []:
                read["reasoning" if part.thought else "text"] += part.text or ""
                if part.function_call is not None:
                    read["calls"].append((part.function_call.name, part.function_call.args or {}))
            read["stop"] = (candidate.finish_reason.value if candidate and candidate.finish_reason else None) or read[
                "stop"
            ]
            if one.usage_metadata and one.usage_metadata.total_token_count:
                counts = one.usage_metadata
                output = (counts.candidates_token_count or 0) + (counts.thoughts_token_count or 0)
                read["usage"] = (output, counts.thoughts_token_count or 0, counts.total_token_count)
    return read


def we_read(data: bytes) -> dict[str, Any]:
    answer = fold(decode(Gemini("m", api_key=KEY).decoder(Limits()), [data]))
    return {
        "text": answer.text,
        "reasoning": answer.reasoning,
        "calls": [(one.name, one.arguments) for one in answer.calls.values()],
        "stop": answer.stop.word if answer.stop else None,
        "usage": (answer.usage.output, answer.usage.reasoning, answer.usage.total) if answer.usage.total else None,
    }


WHOLE_CALLS = tuple(one for one in CHUNKS if "partialArgs" not in str(one) and "willContinue" not in str(one))
SAMPLES = {
    "a whole answer": sse(*WHOLE_CALLS),
    "lines that end with LF": sse(*WHOLE_CALLS, end="\n"),
    "no end": sse(chunk(text("a"))),
    "two finish reasons": sse(chunk(text("a"), finish="STOP"), chunk(text("b"), finish="MAX_TOKENS")),
    "content with the finish reason": sse(chunk(text("a"), call("x", args={"n": 1}), finish="STOP", **usage())),
    "text with separators of lines": sse(chunk(text("a\u2028b\u2029c\x85d"), finish="STOP")),
    "counts that shrink": sse(chunk(text("a"), **usage(9, 21, 35)), chunk(finish="STOP", **usage(87, None, 78))),
    "a last event without its blank line": sse(chunk(text("a"), finish="STOP")).rstrip(),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_googles_own_library_reads_our_samples_alike(name: str) -> None:
    assert we_read(SAMPLES[name]) == library_reads(SAMPLES[name])


def test_pieces_of_arguments_are_left_apart_by_the_library_and_put_together_by_us() -> None:
    assert ("write", {"a": [{"b": "xÿ"}], "n": 0.5}) in we_read(ANSWER)["calls"]
    assert ("write", {}) in library_reads(ANSWER)["calls"]


def test_an_array_is_read_by_us_alone() -> None:
    with pytest.raises(Exception, match=r".+"):  # whatever it makes of a list
        library_reads(array(*WHOLE_CALLS))
    assert we_read(array(*WHOLE_CALLS)) == library_reads(sse(*WHOLE_CALLS))


@pytest.mark.parametrize("tail", [sse(ERROR), json.dumps(ERROR, indent=2).encode()])
def test_an_error_in_the_body_fails_the_librarys_answer_and_ours(tail: bytes) -> None:
    data = sse(chunk(text("a"), finish="STOP")) + tail
    with pytest.raises(genai_errors.ServerError) as raised:
        library_reads(data)
    failure = fold(decode(Gemini("m", api_key=KEY).decoder(Limits()), [data])).failure
    assert (failure.status, failure.message.endswith(raised.value.message)) == (raised.value.code, True)


def agreed(api: str) -> list[Any]:
    """The recordings on which the library and an independent decoder agreed when they were collected."""
    root = shared_path()
    metas = [] if root is None else sorted((root / "recordings" / api).glob("*.json"))
    told = [(meta, json.loads(meta.read_text("utf-8"))) for meta in metas]
    return [
        pytest.param(meta.parent / described["file"], id=meta.stem)
        for meta, described in told
        if api == "gemini-interactions" or described["oracle"]["agrees"] is True
    ] or [pytest.param(None, marks=pytest.mark.skip("the shared recordings are absent"))]


@pytest.mark.recordings
@pytest.mark.filterwarnings("ignore:HARM_CATEGORY_.* is not a valid HarmCategory:UserWarning")  # older than the library
@pytest.mark.parametrize("path", agreed("gemini"))
def test_googles_own_library_reads_recordings_alike(path: Path) -> None:
    ours, theirs = we_read(path.read_bytes()), library_reads(path.read_bytes())
    if theirs["stop"] is None and b"blockReason" in path.read_bytes():
        ours["stop"] = None  # the library has the reason in another field
    assert ours == theirs


def test_every_finish_reason_of_the_library_is_known() -> None:
    known = {*STOP_REASONS, *FAULTS, "NO_IMAGE", "TOO_MANY_TOOL_CALLS", "FINISH_REASON_UNSPECIFIED"}
    assert {reason.value for reason in genai_types.FinishReason} == known


# -- interactions -----------------------------------------------------------------------------------------------------


def library_reads_interaction(data: bytes) -> dict[str, Any]:
    read: dict[str, Any] = {"text": "", "reasoning": "", "arguments": "", "calls": [], "stop": None, "usage": None}
    with Library(data) as library:
        for one in library.client.interactions.create(model="gemini-2.5-flash", input="x", stream=True):
            match one.event_type:
                case "step.start" if one.step.type == "function_call":
                    read["calls"].append((one.step.id, one.step.name))
                case "step.delta":
                    _add_delta(read, one.delta)
                case "interaction.completed":
                    counts = one.interaction.usage
                    read["stop"] = one.interaction.status
                    read["usage"] = (counts.total_input_tokens, counts.total_tokens)
    return read


def _add_delta(read: dict[str, Any], delta: Any) -> None:
    match delta.type:
        case "text":
            read["text"] += delta.text
        case "thought_summary":
            read["reasoning"] += delta.content.text
        case "arguments_delta":
            read["arguments"] += delta.arguments


def we_read_interaction(data: bytes) -> dict[str, Any]:
    answer = fold(decode(GeminiInteractions("m", api_key=KEY).decoder(Limits()), [data]))
    return {
        "text": answer.text,
        "reasoning": answer.reasoning,
        "arguments": "".join(fragment for one in answer.calls.values() for fragment in one.fragments),
        "calls": [(one.id, one.name) for one in answer.calls.values()],
        "stop": answer.stop.word if answer.stop else None,
        "usage": (answer.usage.input, answer.usage.total) if answer.usage.total else None,
    }


@pytest.mark.recordings
@pytest.mark.parametrize("path", agreed("gemini-interactions"))
def test_googles_own_library_reads_recorded_interactions_alike(path: Path) -> None:
    assert we_read_interaction(path.read_bytes()) == library_reads_interaction(path.read_bytes())


def test_googles_own_library_reads_our_interaction_alike() -> None:
    halves = [one for one in INTERACTION if "\\ud83c" not in json.dumps(one) and "\\udf0d" not in json.dumps(one)]
    data = interactions_sse(*numbered(one for one in halves if one.get("index") != 5), DONE)
    assert we_read_interaction(data) == library_reads_interaction(data)


def test_the_library_reads_on_with_the_same_request() -> None:
    with Library(interactions_sse(INTERACTION[-1], DONE)) as library:
        for _ in library.client.interactions.get(id="v1_abc", stream=True, last_event_id="ev/1?"):
            pass
        (theirs,) = library.asked
    ours, _ = GeminiInteractions("m", api_key=KEY).reattach(InteractionCursor("v1_abc", "ev/1?").to_text(), Limits())
    assert (theirs.method, httpx2.URL(ours.url).params) == (ours.method, theirs.url.params)
    assert str(theirs.url).partition("?")[0] == ours.url.partition("?")[0]


# -- requests ---------------------------------------------------------------------------------------------------------

LOOK = Tool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]})


def conversation(origin: str, opaque: OpaqueBlock) -> InferenceRequest:
    turn = Message.assistant(
        ReasoningBlock("why", "c2lnbmVk", origin=origin),
        "Let me look.",
        opaque,
        ReasoningBlock("", "c2lnMg==", origin=origin),
        ToolCall("c1", "look", {"at": "x"}),
        ToolCall("c2", "look", {}),
    )
    results = Message.tool_results(
        ToolResult("c2", "no", is_error=True), ToolResult("c1", (TextBlock("see"), ImageBlock(data=b"\x00")))
    )
    return InferenceRequest(
        (Message.user("Hi", ImageBlock("image/jpeg", url="https://x.example/a.jpg")), turn, results),
        system="Be brief.",
        tools=[LOOK],
        tool_choice=ToolChoice.tool("look"),
        max_tokens=1000,
        temperature=0.5,
        stop_sequences=["END"],
        reasoning_effort="high",
    )


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3-pro-preview", "gemini-4-argon"])
def test_the_librarys_own_types_take_what_we_send(model: str) -> None:
    provider = Gemini(model, api_key=KEY)
    ran = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2ln"}
    body = json.loads(provider.encode(conversation(provider.origin, OpaqueBlock("x", ran, provider.origin))).body)
    contents = [genai_types.Content.model_validate(content) for content in body.pop("contents")]
    assert [content.role for content in contents] == ["user", "model", "user"]
    genai_types.Content.model_validate(body.pop("systemInstruction"))
    assert all(genai_types.Tool.model_validate(tool) for tool in body.pop("tools"))
    genai_types.ToolConfig.model_validate(body.pop("toolConfig"))
    genai_types.GenerationConfig.model_validate(body.pop("generationConfig"))
    assert body == {}


def test_the_librarys_own_types_take_our_interactions() -> None:
    provider = GeminiInteractions("gemini-2.5-flash", api_key=KEY)
    ran = {"type": "code_execution_call", "id": "s", "arguments": {"language": "python", "code": "1"}}
    asked = conversation(provider.origin, OpaqueBlock("code_execution_call", ran, provider.origin))
    body = json.loads(provider.encode(asked).body)
    taken = genai_interactions.CreateModelInteraction.model_validate(body)
    assert taken.model_dump(mode="json", exclude_none=True, by_alias=True) == body


def test_the_library_asks_at_the_same_address_with_the_same_header() -> None:
    with Library(sse(chunk(text("a"), finish="STOP"))) as library:
        list(library.client.models.generate_content_stream(model="gemini-2.5-flash", contents="x"))
        (theirs,) = library.asked
    ours = Gemini("gemini-2.5-flash", api_key=KEY).encode(InferenceRequest(Message.user("x")))
    key = ours.headers["x-goog-api-key"]
    assert isinstance(key, Secret)
    assert (str(theirs.url), theirs.headers["x-goog-api-key"]) == (ours.url, key.reveal())


def test_the_library_prefers_the_same_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "second-0123456789")
    monkeypatch.setenv("GOOGLE_API_KEY", "first-0123456789")
    monkeypatch.setenv(BASE_URL_ENV, "https://proxy.example")
    key = Gemini("m").encode(InferenceRequest(Message.user("x"))).headers["x-goog-api-key"]
    assert isinstance(key, Secret)
    with genai.Client() as client:
        theirs = client._api_client
        assert (theirs.api_key, theirs._http_options.base_url) == (key.reveal(), Gemini("m").base_url)
