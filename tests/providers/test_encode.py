"""What a request looks like on the wire: held to the official libraries' own types, and to each decision."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun import Anthropic, OpenAIChat
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
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
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.engine.core.usage_error import UsageError
from riverrun.providers.models import claude_facts, openai_reasons

KEY = "sk-canary-0123456789"
ORIGIN = "anthropic/claude-sonnet-4-5"
LOOK = Tool("look", "Look around.", {"type": "object", "properties": {"city": {"type": "string"}}})
CALL = ToolCall("toolu_1", "look", {"city": "São Paulo"})
IMAGE = ImageBlock(data=b"\x89PNG", media_type="image/png")


def anthropic(request: InferenceRequest, form: ContinuationForm | None = None, model: str = "claude-sonnet-4-5") -> Any:
    return json.loads(Anthropic(model, api_key=KEY).encode(request, form).body)


def openai(
    request: InferenceRequest, form: ContinuationForm | None = None, model: str = "gpt-4.1", **options: Any
) -> Any:
    return json.loads(OpenAIChat(model, api_key=KEY, **options).encode(request, form).body)


def ask(*messages: Message, **fields: Any) -> InferenceRequest:
    return InferenceRequest(messages or (Message.user("hi"),), **fields)


FULL = ask(
    Message.user("What is this?", IMAGE, ImageBlock(url="https://example.com/a.png")),
    Message.assistant(ReasoningBlock("hm", "sig", origin=ORIGIN), "Let me look.", CALL),
    Message.tool_results(ToolResult("toolu_1", "sunny"), ToolResult("toolu_2", (TextBlock("x"), IMAGE), is_error=True)),
    Message.user("And?"),
    system=("Be brief.", "Be kind."), tools=(LOOK,), tool_choice="auto", max_tokens=4000, temperature=0.5,
    stop_sequences=("END",), prompt_cache=True,
)  # fmt: skip


def test_anthropic_a_full_request_has_the_official_types() -> None:
    types = pytest.importorskip("anthropic.types.message_create_params")
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(types.MessageCreateParamsStreaming)
    body = anthropic(FULL)
    # Version 2026-10-21 of the API, which the library speaks, has no temperature; 2023-06-01, which we speak, has.
    assert set(body) - set(adapter.validate_python(body)) == {"temperature"}


def test_openai_a_full_request_has_the_official_types() -> None:
    types = pytest.importorskip("openai.types.chat.completion_create_params")
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(types.CompletionCreateParamsStreaming)
    body = openai(FULL)
    assert set(adapter.validate_python(body)) == set(body)


def test_anthropic_a_full_request_says_everything() -> None:
    body = anthropic(FULL)
    assert (body["model"], body["max_tokens"], body["stream"]) == ("claude-sonnet-4-5", 4000, True)
    assert (body["temperature"], body["stop_sequences"], body["tool_choice"]) == (0.5, ["END"], {"type": "auto"})
    assert body["tools"] == [{"name": "look", "description": "Look around.", "input_schema": dict(LOOK.input_schema)}]
    roles = [turn["role"] for turn in body["messages"]]
    assert roles == ["user", "assistant", "user"]
    kinds = [[block["type"] for block in turn["content"]] for turn in body["messages"]]
    assert kinds == [
        ["text", "image", "image"],
        ["thinking", "text", "tool_use"],
        ["tool_result", "tool_result", "text"],
    ]


def test_openai_a_full_request_says_everything() -> None:
    body = openai(FULL)
    assert (body["model"], body["max_completion_tokens"], body["stream"]) == ("gpt-4.1", 4000, True)
    assert (body["stop"], body["stream_options"]) == (["END"], {"include_usage": True})
    roles = [turn["role"] for turn in body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "user", "user"]
    assert body["messages"][0]["content"] == "Be brief.\n\nBe kind."
    assert body["messages"][4]["content"] == "Error: x"
    assert json.loads(body["messages"][2]["tool_calls"][0]["function"]["arguments"]) == CALL.arguments
    assert "hm" not in json.dumps(body)


def test_images_travel_as_bytes_or_by_address() -> None:
    data = base64.b64encode(b"\x89PNG").decode()
    sources = [block.get("source") for block in anthropic(FULL)["messages"][0]["content"][1:]]
    assert sources == [
        {"type": "base64", "media_type": "image/png", "data": data},
        {"type": "url", "url": "https://example.com/a.png"},
    ]
    parts = openai(FULL)["messages"][1]["content"][1:]
    assert [part["image_url"]["url"] for part in parts] == [
        f"data:image/png;base64,{data}",
        "https://example.com/a.png",
    ]


def test_the_body_is_compact_and_the_same_every_time() -> None:
    provider = Anthropic("claude-sonnet-4-5", api_key=KEY)
    assert provider.encode(FULL).body == provider.encode(FULL).body
    assert b'"stream":true' in provider.encode(FULL).body


@given(st.text(st.characters(), min_size=1))
def test_any_text_survives_the_body(text: str) -> None:
    request = ask(Message.user("x", text))
    assert openai(request)["messages"][0]["content"][1]["text"] == text
    blocks = anthropic(request)["messages"][0]["content"]
    assert [block["text"] for block in blocks][1:] == ([text] if text.strip() else [])


def test_a_lone_surrogate_survives_the_body() -> None:
    assert openai(ask(Message.user("a\ud83c")))["messages"][0]["content"] == "a\ud83c"


# --- reasoning and opaque blocks


@pytest.mark.parametrize(
    ("block", "sent"),
    [
        (ReasoningBlock("hm", "sig", origin=ORIGIN), {"type": "thinking", "thinking": "hm", "signature": "sig"}),
        (ReasoningBlock("", "sig", origin=ORIGIN), {"type": "thinking", "thinking": "", "signature": "sig"}),
        (ReasoningBlock(redacted="xx", origin=ORIGIN), {"type": "redacted_thinking", "data": "xx"}),
        (ReasoningBlock("hm", None, origin=ORIGIN), None),
        (ReasoningBlock("hm", "sig", origin="anthropic/other"), None),
        (ReasoningBlock("hm", "sig"), None),
        (OpaqueBlock("k", {"type": "k", "id": 1}, ORIGIN), {"type": "k", "id": 1}),
        (OpaqueBlock("k", {"type": "k"}, "openai/gpt"), None),
    ],
)
def test_anthropic_replays_only_what_it_signed_itself(block: Any, sent: Any) -> None:
    content = anthropic(ask(Message.user("a"), Message.assistant(block, "b"), Message.user("c")))["messages"][1][
        "content"
    ]
    assert content == ([sent] if sent else []) + [{"type": "text", "text": "b"}]


def test_a_turn_of_which_nothing_is_left_is_left_out() -> None:
    request = ask(Message.user("a"), Message.assistant(ReasoningBlock("hm")), Message.user("b"))
    assert [turn["role"] for turn in anthropic(request)["messages"]] == ["user"]
    assert [turn["role"] for turn in openai(request)["messages"]] == ["user", "user"]


@pytest.mark.parametrize("write", [anthropic, openai])
def test_a_conversation_of_nothing_is_refused(write: Any) -> None:
    with pytest.raises(UsageError, match="expected something to answer"):
        write(ask(Message.user("")))


def test_images_of_a_tool_follow_in_a_turn_of_the_users() -> None:
    turns = openai(ask(Message.tool_results(ToolResult("a", (TextBlock("see"), IMAGE)))))["messages"]
    assert [turn["role"] for turn in turns] == ["tool", "user"]
    assert turns[1]["content"][0]["type"] == "image_url"


# --- choices, ceilings, thinking


@pytest.mark.parametrize(
    ("choice", "claude", "gpt"),
    [
        ("auto", {"type": "auto"}, "auto"),
        ("none", {"type": "none"}, "none"),
        ("required", {"type": "any"}, "required"),
        (ToolChoice.tool("look"), {"type": "tool", "name": "look"}, {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_a_tool_choice_has_its_words(choice: Any, claude: Any, gpt: Any) -> None:
    request = ask(tools=(LOOK,), tool_choice=choice)
    assert (anthropic(request)["tool_choice"], openai(request)["tool_choice"]) == (claude, gpt)


@pytest.mark.parametrize(
    ("model", "options", "field"),
    [
        ("gpt-4.1", {}, "max_completion_tokens"),
        ("gpt-4.1", {"base_url": "https://x.openai.azure.com/openai/v1"}, "max_completion_tokens"),
        ("o3-mini", {"base_url": "http://localhost/v1"}, "max_completion_tokens"),
        ("llama", {"base_url": "http://localhost/v1"}, "max_tokens"),
        ("llama", {"base_url": "https://api.openai.com.evil.com/v1"}, "max_tokens"),
    ],
)
def test_openai_the_ceiling_has_the_field_that_the_endpoint_takes(model: str, options: Any, field: str) -> None:
    body = openai(ask(max_tokens=9), model=model, **options)
    assert {key: value for key, value in body.items() if key.startswith("max")} == {field: 9}


def test_openai_names_no_ceiling_unasked_and_usage_can_be_left_out() -> None:
    body = openai(ask(), stream_usage=False)
    assert set(body) == {"model", "messages", "stream"}


@pytest.mark.parametrize(
    ("model", "ceiling"),
    [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-sonnet-latest", 8192),
        ("claude-opus-4-1", 32_000),
        ("kimi-k2", 8192),
    ],
)
def test_anthropic_has_a_ceiling_for_every_family(model: str, ceiling: int) -> None:
    assert anthropic(ask(), model=model)["max_tokens"] == ceiling


def test_anthropic_a_budget_stays_below_the_ceiling() -> None:
    body = anthropic(ask(reasoning_budget_tokens=40_000))
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 40_000}
    assert body["max_tokens"] > 40_000
    with pytest.raises(UsageError, match="expected a budget below the ceiling"):
        anthropic(ask(reasoning_budget_tokens=2000, max_tokens=2000))
    with pytest.raises(UsageError, match="at least 1024"):
        anthropic(ask(reasoning_budget_tokens=1000))


def test_anthropic_a_continuation_shrinks_its_budget_or_leaves_it_out() -> None:
    form = ContinuationForm.QUOTE
    shrunk = anthropic(ask(reasoning_budget_tokens=2000, max_tokens=1500), form)
    assert (shrunk["max_tokens"], shrunk["thinking"]["budget_tokens"]) == (1500, 1499)
    assert "thinking" not in anthropic(ask(reasoning_budget_tokens=2000, max_tokens=1024), form)


@pytest.mark.parametrize(
    ("model", "fields", "sent"),
    [
        ("claude-opus-5-5", {"reasoning_budget_tokens": 4000}, {"thinking": {"type": "adaptive"}}),
        ("claude-opus-5", {"reasoning_effort": "high"},
         {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("claude-opus-4-6", {"reasoning_effort": "minimal"},
         {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("claude-sonnet-4-6", {"reasoning_budget_tokens": 4000},
         {"thinking": {"type": "enabled", "budget_tokens": 4000}}),
        ("claude-opus-4-5", {"reasoning_effort": "low"}, {"output_config": {"effort": "low"}}),
        ("claude-sonnet-4-5", {"reasoning_effort": "medium"}, {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        ("claude-sonnet-4-5", {"reasoning_effort": "none"}, {}),
        ("claude-sonnet-5", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("claude-opus-5-5", {"reasoning_effort": "none"}, {}),
        ("claude-3-haiku-20240307", {"reasoning_effort": "high"}, {}),
        ("claude-sonnet-5", {}, {}),
    ],
)  # fmt: skip
def test_anthropic_each_family_thinks_its_own_way(model: str, fields: Any, sent: Any) -> None:
    body = anthropic(ask(**fields), model=model)
    assert {key: body[key] for key in ("thinking", "output_config") if key in body} == sent


def test_openai_an_effort_has_a_field_and_a_budget_has_none() -> None:
    body = openai(ask(reasoning_effort="high", reasoning_budget_tokens=4000), model="o3")
    assert body["reasoning_effort"] == "high"
    assert "4000" not in json.dumps(body)


# --- cache marks and extra


def marks(value: Any) -> int:
    return json.dumps(value).count("cache_control")


def test_anthropic_marks_the_ends_of_the_stable_prefix() -> None:
    body = anthropic(FULL)
    assert "cache_control" in body["system"][-1]
    assert "cache_control" in body["messages"][-1]["content"][-1]
    assert marks(body) == 2
    without_system = anthropic(ask(tools=(LOOK,), prompt_cache=True))
    assert "cache_control" in without_system["tools"][-1]
    assert marks(anthropic(ask(system="x"))) == 0


def test_a_mark_never_lands_on_a_prefill() -> None:
    body = anthropic(ask(Message.user("a"), Message.assistant("b"), prompt_cache=True), ContinuationForm.PREFILL)
    assert [marks(turn) for turn in body["messages"]] == [1, 0]


def test_opaque_blocks_of_the_caller_are_not_written_to() -> None:
    data = {"type": "k"}
    anthropic(ask(Message.user("a", OpaqueBlock("k", data, ORIGIN)), prompt_cache=True))  # type: ignore[arg-type]
    assert data == {"type": "k"}


@pytest.mark.parametrize("write", [anthropic, openai])
def test_extra_fields_come_last_and_verbatim(write: Any) -> None:
    body = write(ask(max_tokens=9, extra={"metadata": {"user_id": "u"}, "temperature": 0.1, "n": 1}))
    assert (body["metadata"], body["temperature"]) == ({"user_id": "u"}, 0.1)


@pytest.mark.parametrize("extra", [{"n": 2}, {"n": None}, {"stream": False}, {"x": float("nan")}, {"x": object()}])
@pytest.mark.parametrize("write", [anthropic, openai])
def test_extra_fields_that_break_the_stream_are_refused(write: Any, extra: Any) -> None:
    with pytest.raises(UsageError, match="expected"):
        write(ask(extra=extra))


@pytest.mark.parametrize("form", [ContinuationForm.NATIVE, ContinuationForm.CURSOR])
@pytest.mark.parametrize("write", [anthropic, openai])
def test_a_form_that_the_format_does_not_have_is_refused(write: Any, form: ContinuationForm) -> None:
    with pytest.raises(UsageError, match=f"no {form.value} continuation"):
        write(ask(), form)


# --- capabilities and models

PREFILL = (ContinuationForm.PREFILL, ContinuationForm.QUOTE)
QUOTE = (ContinuationForm.QUOTE,)


@pytest.mark.parametrize(
    ("model", "forms"),
    [
        ("claude-2.1", PREFILL),
        ("claude-instant-1.2", PREFILL),
        ("claude-3-haiku-20240307", PREFILL),
        ("claude-3-5-sonnet@20240620", PREFILL),
        ("claude-3-7-sonnet-latest", PREFILL),
        ("claude-sonnet-4-20250514", PREFILL),
        ("claude-opus-4-1-20250805", PREFILL),
        ("claude-haiku-4-5-20251001", PREFILL),
        ("anthropic/claude-haiku-4.5", PREFILL),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", PREFILL),
        ("claude-opus-4-6", QUOTE),
        ("claude-sonnet-4.6", QUOTE),
        ("claude-opus-4-8", QUOTE),
        ("claude-sonnet-5", QUOTE),
        ("claude-opus-5-5", QUOTE),
        ("claude-fable-5-1", QUOTE),
        ("claude-mythos", QUOTE),
        ("claude-next", QUOTE),
        ("deepseek-chat", QUOTE),
    ],
)
def test_anthropic_the_forms_are_those_of_the_family(model: str, forms: Any) -> None:
    declared = Anthropic(model, api_key=KEY).capabilities(ask())
    assert (declared.forms, declared.prefix_trailing_space, declared.can_reattach) == (forms, False, False)


@pytest.mark.parametrize(
    "fields",
    [{"reasoning_budget_tokens": 2000}, {"reasoning_effort": "low"}, {"extra": {"thinking": {"type": "enabled"}}}],
)
def test_anthropic_a_model_that_thinks_is_not_prefilled(fields: Any) -> None:
    provider = Anthropic("claude-sonnet-4-5", api_key=KEY)
    assert provider.capabilities(ask(**fields)).forms == QUOTE
    assert provider.capabilities(ask(**fields)).reasons
    assert not provider.capabilities(ask(reasoning_effort="none")).reasons


def test_openai_only_quotes() -> None:
    assert OpenAIChat("gpt-4.1", api_key=KEY).capabilities(ask()) == Capabilities(forms=QUOTE)


@pytest.mark.parametrize("provider", [Anthropic("claude-3-haiku", api_key=KEY), OpenAIChat("gpt-4.1", api_key=KEY)])
@pytest.mark.parametrize(
    "fields",
    [
        {"extra": {"response_format": {"type": "json_object"}}},
        {"extra": {"output_config": {"format": {"type": "json_schema"}}}},
        {"tools": (LOOK,), "tool_choice": "required"},
        {"tools": (LOOK,), "tool_choice": ToolChoice.tool("look")},
    ],
)
def test_an_answer_that_can_only_be_had_whole_says_why(provider: Any, fields: Any) -> None:
    assert provider.capabilities(ask(**fields)).whole_only
    assert provider.capabilities(ask(extra={"response_format": {"type": "text"}})).whole_only is None


def test_what_the_caller_declares_wins() -> None:
    declared = Capabilities(forms=(ContinuationForm.NATIVE,), echoes=True)
    for provider in (Anthropic, OpenAIChat):
        assert provider("m", api_key=KEY, capabilities=declared).capabilities(ask()) == declared


@pytest.mark.parametrize(
    "model", ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5.2-2025", "openai/o3", "deepseek-reasoner", "x-thinking"]
)
def test_a_model_that_reasons_is_known_by_its_name(model: str) -> None:
    assert openai_reasons(model)


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "o100", "solo3", "gpt-50", "grok-4-1-fast-non-reasoning"]
)
def test_a_model_that_does_not_reason_is_not_taken_for_one(model: str) -> None:
    assert not openai_reasons(model)


@given(st.text(max_size=40) | st.text("claude-0123456789.opus", max_size=40))
def test_any_name_has_facts(model: str) -> None:
    assert claude_facts(model).output_tokens >= 4096
