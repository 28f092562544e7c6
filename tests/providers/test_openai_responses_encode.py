"""What a request of the Responses API looks like: held to the official library's own types, and to each decision."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun import from_name
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.continuation import NextRequest, next_request
from riverrun.engine.core.failures import FailureKind
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
from riverrun.engine.core.planner import ContinueText
from riverrun.engine.core.provider import ErrorResponse
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.core.usage_error import UsageError
from riverrun.providers.openai_responses.provider import OpenAIResponses

KEY = "sk-canary-0123456789"
ORIGIN = "openai-responses/gpt-5.2"
LOOK = Tool("look", "Look around.", {"type": "object", "properties": {"city": {"type": "string"}}})
CALL = ToolCall("call_1", "look", {"city": "São Paulo"})
IMAGE = ImageBlock(data=b"\x89PNG", media_type="image/png")
THOUGHT: dict[str, Any] = {
    "id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "x==",
}  # fmt: skip
SIGNED = ReasoningBlock("Hm.", json.dumps(THOUGHT), origin=ORIGIN)
SEARCHED = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "x"}}
SEARCH = OpaqueBlock("web_search_call", SEARCHED, ORIGIN)


def provider(model: str = "gpt-5.2", **options: Any) -> OpenAIResponses:
    return OpenAIResponses(model, api_key=KEY, **options)


def body_of(request: InferenceRequest, model: str = "gpt-5.2", **options: Any) -> Any:
    return json.loads(provider(model, **options).encode(request).body)


def ask(*messages: Message, **fields: Any) -> InferenceRequest:
    return InferenceRequest(messages or (Message.user("hi"),), **fields)


FULL = ask(
    Message.user("What is this?", IMAGE, ImageBlock(url="https://example.com/a.png")),
    Message.assistant(SIGNED, "Let me look.", SEARCH, CALL),
    Message.tool_results(ToolResult("call_1", "sunny"), ToolResult("call_2", (TextBlock("x"), IMAGE), is_error=True)),
    Message.user("And?"),
    system=("Be brief.", "Be kind."), tools=(LOOK,), tool_choice="auto", max_tokens=4000, temperature=0.5,
    reasoning_effort="low", prompt_cache=True, extra={"background": True, "store": True, "metadata": {"a": "b"}},
)  # fmt: skip


@pytest.mark.parametrize(
    "request_",
    [
        FULL,
        ask(),
        ask(tools=(LOOK,), tool_choice=ToolChoice.tool("look")),
        ask(Message.user("x"), Message.assistant(ToolCall("c", "write", {"input": "y"})),
            Message.tool_results(ToolResult("c", "z")), extra={"tools": [{"type": "custom", "name": "write"}]}),
    ],
)  # fmt: skip
def test_a_request_has_the_official_types(request_: InferenceRequest) -> None:
    types = pytest.importorskip("openai.types.responses.response_create_params")
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(types.ResponseCreateParamsStreaming)
    body = body_of(request_)
    assert set(adapter.validate_python(body)) == set(body)


def test_every_item_has_an_official_type() -> None:
    types = pytest.importorskip("openai.types.responses.response_input_param")
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(types.ResponseInputItemParam)
    for item in body_of(FULL)["input"]:
        read = json.loads(adapter.dump_json(adapter.validate_python(item)))
        assert set(read) == set(item)


def test_a_full_request_says_everything() -> None:
    body = body_of(FULL)
    assert (body["model"], body["max_output_tokens"], body["temperature"]) == ("gpt-5.2", 4000, 0.5)
    assert (body["stream"], body["background"], body["store"], body["metadata"]) == (True, True, True, {"a": "b"})
    assert body["instructions"] == "Be brief.\n\nBe kind."
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert body["tools"] == [
        {"type": "function", "name": "look", "description": "Look around.", "parameters": dict(LOOK.input_schema),
         "strict": False}
    ]  # fmt: skip


def test_a_conversation_is_items_in_order() -> None:
    data = base64.b64encode(b"\x89PNG").decode()
    image = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{data}"}
    by_address = {"type": "input_image", "detail": "auto", "image_url": "https://example.com/a.png"}
    said = [{"type": "input_text", "text": "What is this?"}, image, by_address]
    failed = [{"type": "input_text", "text": "Error: "}, {"type": "input_text", "text": "x"}, image]
    assert body_of(FULL)["input"] == [
        {"type": "message", "role": "user", "content": said},
        THOUGHT,
        {"type": "message", "role": "assistant", "content": "Let me look."},
        SEARCHED,
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"city":"S\\u00e3o Paulo"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
        {"type": "function_call_output", "call_id": "call_2", "output": failed},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And?"}]},
    ]


def test_little_is_sent_unasked() -> None:
    assert set(body_of(ask(), model="gpt-4.1")) == {"model", "input", "stream"}
    assert set(body_of(ask(), model="gpt-5.2")) == {"model", "input", "stream", "include"}


def test_the_request_goes_to_responses_with_the_key_in_a_header() -> None:
    wire = provider(organization="org", headers={"x-a": "b"}).encode(ask())
    assert (wire.method, wire.url) == ("POST", "https://api.openai.com/v1/responses")
    assert (wire.headers["openai-organization"], wire.headers["x-a"]) == ("org", "b")
    assert KEY not in repr(wire)


def test_the_provider_has_its_variables_and_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:9/v1")
    made = from_name("openai-responses/gpt-5.2")
    assert repr(made) == "OpenAIResponses('gpt-5.2', base_url='http://localhost:9/v1')"
    assert KEY not in repr(vars(made))


@given(st.text(st.characters(), min_size=1))
def test_any_text_survives_the_body(text: str) -> None:
    asked, answered = body_of(ask(Message.user(text), Message.assistant(text)))["input"]
    assert (asked["content"][0]["text"], answered["content"]) == (text, text)


def test_a_conversation_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="expected something to answer"):
        body_of(ask(Message.user("")))


# --- reasoning


def turn(*blocks: Any) -> Any:
    return body_of(ask(Message.user("a"), Message.assistant(*blocks), Message.user("c")))["input"][1:-1]


SAID = {"type": "message", "role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    ("block", "sent"),
    [
        (SIGNED, [THOUGHT]),
        (ReasoningBlock("", json.dumps({**THOUGHT, "status": None}), origin=ORIGIN), [THOUGHT]),
        (
            ReasoningBlock("Hm.", json.dumps({**THOUGHT, "format": "new"}), origin=ORIGIN),
            [{**THOUGHT, "format": "new"}],
        ),
        (ReasoningBlock("Hm.", None, origin=ORIGIN), []),
        (ReasoningBlock("Hm.", json.dumps(THOUGHT), origin="openai-responses/other"), []),
        (ReasoningBlock("Hm.", json.dumps(THOUGHT)), []),
        (ReasoningBlock("Hm.", "sig", origin=ORIGIN), []),
        (ReasoningBlock("Hm.", '{"type":"reasoning","id":"x"}', origin=ORIGIN), []),
        (ReasoningBlock("Hm.", '{"type":"message","encrypted_content":"x"}', origin=ORIGIN), []),
        (ReasoningBlock(redacted="x", origin=ORIGIN), []),
        (OpaqueBlock("web_search_call", SEARCHED, "openai/gpt-5.2"), []),
    ],
)
def test_only_what_this_model_encrypted_itself_is_sent_back_and_unmodified(block: Any, sent: Any) -> None:
    assert turn(block, "b") == [*sent, SAID]


def test_reasoning_goes_right_before_the_item_it_led_to_and_never_alone() -> None:
    call = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"city":"S\\u00e3o Paulo"}'}
    assert turn(SIGNED, SEARCH, SIGNED, CALL) == [THOUGHT, SEARCHED, THOUGHT, call]
    assert turn("b", SIGNED) == [SAID]
    assert turn(SIGNED, TextBlock("")) == []


@pytest.mark.parametrize(
    ("model", "effort", "asks"),
    [("gpt-5.2", None, True), ("o3", None, True), ("gpt-4.1", None, False), ("gpt-5-chat-latest", None, False),
     ("gpt-9", "low", True), ("gpt-4.1", "none", False)],
)  # fmt: skip
def test_models_that_reason_are_asked_for_what_can_be_sent_back(model: str, effort: str | None, asks: bool) -> None:
    body = body_of(ask(reasoning_effort=effort), model=model)
    assert body.get("include") == (["reasoning.encrypted_content"] if asks else None)
    assert provider(model).capabilities(ask(reasoning_effort=effort)).reasons == asks


@pytest.mark.parametrize(
    ("effort", "summary", "sent"),
    [("high", "auto", {"effort": "high", "summary": "auto"}), ("high", None, {"effort": "high"}),
     ("none", "auto", {"effort": "none"}), (None, "auto", None)],
)  # fmt: skip
def test_an_effort_asks_for_a_summary_unless_there_may_be_none(effort: Any, summary: Any, sent: Any) -> None:
    assert body_of(ask(reasoning_effort=effort), reasoning_summary=summary).get("reasoning") == sent


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"stop_sequences": ("END",)}, "stop_sequences"), ({"reasoning_budget_tokens": 2000}, "reasoning_budget_tokens")],
)
def test_what_the_format_does_not_have_is_refused_by_name(fields: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"{message} (is|are) given, which the Responses API does not have"):
        body_of(ask(**fields))


# --- choices, custom tools and extra


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_a_tool_choice_has_its_word(choice: str) -> None:
    assert body_of(ask(tools=(LOOK,), tool_choice=choice))["tool_choice"] == choice


def test_a_forced_tool_is_named() -> None:
    body = body_of(ask(tools=(LOOK,), tool_choice=ToolChoice.tool("look")))
    assert body["tool_choice"] == {"type": "function", "name": "look"}


def test_a_call_of_a_custom_tool_goes_back_as_one() -> None:
    calls = Message.assistant(ToolCall("c", "write", {"input": 'a "b"'}), ToolCall("d", "other", {"input": "x"}))
    results = Message.tool_results(ToolResult("c", "ok"), ToolResult("d", "no", is_error=True))
    items = body_of(ask(Message.user("x"), calls, results, extra={"tools": [{"type": "custom", "name": "write"}]}))
    assert items["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "c", "name": "write", "input": 'a "b"'},
        {"type": "function_call", "call_id": "d", "name": "other", "arguments": '{"input":"x"}'},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
        {"type": "function_call_output", "call_id": "d", "output": "Error: no"},
    ]


def test_extra_fields_come_last_and_verbatim() -> None:
    extra = {"include": ["file_search_call.results"], "previous_response_id": "resp_0", "max_output_tokens": 7}
    body = body_of(ask(max_tokens=9, extra=extra))
    assert {key: body[key] for key in extra} == extra


@pytest.mark.parametrize("extra", [{"n": 2}, {"stream": False}, {"x": float("nan")}])
def test_extra_fields_that_break_the_stream_are_refused(extra: Any) -> None:
    with pytest.raises(UsageError, match="expected"):
        body_of(ask(extra=extra))


def test_a_ceiling_is_never_raised() -> None:
    assert body_of(ask(max_tokens=1))["max_output_tokens"] == 1


# --- continuing


@pytest.mark.parametrize("form", [ContinuationForm.NATIVE, ContinuationForm.PREFILL, ContinuationForm.CURSOR])
def test_a_form_that_the_format_does_not_have_is_refused(form: ContinuationForm) -> None:
    with pytest.raises(UsageError, match=f"no {form.value} continuation"):
        provider().encode(ask(), form)


def test_an_answer_goes_on_by_a_finished_message_and_a_turn_that_quotes_it() -> None:
    held = InterruptSnapshot(text="Once upon", blocks=(SIGNED, TextBlock("Once upon")))
    request = ask(max_tokens=4000)
    step = next_request(request, held, ContinueText("Once upon"), provider().capabilities(request))
    assert isinstance(step, NextRequest)
    asked, said, quote = json.loads(provider().encode(step.request, step.form).body)["input"]
    assert (asked["role"], said, quote["role"]) == ("user", {**SAID, "content": "Once upon"}, "user")
    assert "<tail>Once upon</tail>" in quote["content"][0]["text"]


@pytest.mark.parametrize(
    ("fields", "is_whole"),
    [
        ({"extra": {"text": {"format": {"type": "json_schema", "name": "x"}}}}, True),
        ({"extra": {"text": {"format": {"type": "json_object"}}}}, True),
        ({"tools": (LOOK,), "tool_choice": "required"}, True),
        ({"extra": {"text": {"format": {"type": "text"}}}}, False),
        ({"extra": {"text": {"verbosity": "low"}}}, False),
        ({"extra": {"text": None}}, False),
    ],
)
def test_an_answer_that_can_only_be_had_whole_says_why(fields: Any, is_whole: bool) -> None:
    assert bool(provider().capabilities(ask(**fields)).whole_only) == is_whole


def test_what_the_caller_declares_wins() -> None:
    declared = Capabilities(forms=(ContinuationForm.QUOTE,), reasons=True)
    assert provider(capabilities=declared).capabilities(ask(extra={"background": True})) == declared


def test_only_quotes() -> None:
    assert provider("gpt-4.1").capabilities(ask()) == Capabilities(forms=(ContinuationForm.QUOTE,))


def test_an_error_response_is_named_by_its_code() -> None:
    body = b'{"error":{"message":"x","type":"invalid_request_error","code":"context_length_exceeded"}}'
    failure = provider().classify(ErrorResponse(400, {}, body), now_unix_s=0)
    assert failure.kind is FailureKind.CONTEXT_OVERFLOW
    assert "openai-responses /v1/responses HTTP 400" in failure.message
