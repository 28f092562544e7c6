"""What presets write otherwise than OpenAI: thinking, replayed reasoning, ids of calls; held to OpenAI's own types."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.messages import ImageBlock, Message, ReasoningBlock, Tool, ToolCall, ToolResult
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.providers.openai_chat.preset_dialects import nine_characters
from riverrun.providers.openai_chat.preset_models import grok_thinks, thinks_openly
from tests.providers.fold import decode
from tests.providers.samples import sse
from tests.providers.test_compatible import HOSTED, KEY, LOCAL, PRESETS, ask, body, next_step
from tests.providers.test_compatible_stream import ITEMS, ROUTER, detail

LOOK = Tool("look", "Looks.", {"type": "object", "properties": {"city": {"type": "string"}}})
CALL = ToolCall("toolu_1", "look", {"city": "São Paulo"})
FORCED = ToolChoice.tool("look")


def sent(
    name: str, request: InferenceRequest, model: str = "m", form: ContinuationForm | None = None
) -> dict[str, Any]:
    return body(PRESETS[name](model, api_key=KEY), request, form)


def turn(origin: str, *content: Any, **reasoning: Any) -> InferenceRequest:
    thought = ReasoningBlock(**{"text": "hm", "origin": origin, **reasoning})
    return ask(Message.user("a"), Message.assistant(thought, *content), Message.user("b"))


# -- the official types -------------------------------------------------------------------------------------------

FULL = ask(
    Message.user("What is this?", ImageBlock(data=b"\x89PNG")),
    Message.assistant(ReasoningBlock("hm", "sig", origin="other/m"), "Let me look.", CALL),
    Message.tool_results(ToolResult("toolu_1", "sunny")),
    Message.user("And?"),
    system="Be brief.", tools=(LOOK,), tool_choice="auto", max_tokens=4000, temperature=0.5, stop_sequences=("END",),
    reasoning_effort="high",
)  # fmt: skip

OWN_FIELDS = {"openrouter": {"reasoning"}, "deepseek": {"thinking"}}
"""What OpenAI's types do not have, and the server documents."""


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_a_full_request_has_openais_own_types(name: str) -> None:
    types = pytest.importorskip("openai.types.chat.completion_create_params")
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(types.CompletionCreateParamsStreaming)
    full = sent(name, FULL)
    assert set(full) - set(adapter.validate_python(full)) == OWN_FIELDS.get(name, set())
    assert [each["role"] for each in full["messages"]] == ["system", "user", "assistant", "tool", "user"]


FORM_FIELDS = {"vllm": {"continue_final_message", "add_generation_prompt"}, "sglang": {"continue_final_message"}}


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_a_continuation_has_openais_own_types(name: str) -> None:
    types = pytest.importorskip("openai.types.chat.completion_create_params")
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(types.CompletionCreateParamsStreaming)
    provider = PRESETS[name]("plain-chat", api_key=KEY)
    step = next_step(provider, ask(), "Once upon")
    full = body(provider, step.request, step.form)
    assert set(full) - set(adapter.validate_python(full)) == FORM_FIELDS.get(name, set())


# -- ceilings, choices, usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_the_ceiling_has_the_name_that_the_server_documents(name: str) -> None:
    field = "max_completion_tokens" if name in ("grok", "groq", "azure") else "max_tokens"
    full = sent(name, ask(max_tokens=9), "o3-thinking")
    assert {key: value for key, value in full.items() if key.startswith("max")} == {field: 9}


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_a_forced_call_has_the_word_of_the_server(name: str) -> None:
    request = ask(tools=(LOOK,), tool_choice="required")
    assert sent(name, request)["tool_choice"] == ("any" if name == "mistral" else "required")
    assert sent(name, ask(tools=(LOOK,), tool_choice=FORCED))["tool_choice"]["function"] == {"name": "look"}


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_counts_are_asked_for_where_they_do_not_come_unasked(name: str) -> None:
    assert ("stream_options" in sent(name, ask())) == (name not in ("openrouter", "mistral"))
    asked = PRESETS[name]("m", api_key=KEY, stream_usage=True)
    assert body(asked, ask())["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_extra_fields_come_last_and_verbatim(name: str) -> None:
    extra = {"provider": {"order": ["a"]}, "reasoning": {"enabled": True}, "thinking": {"type": "enabled"}}
    full = sent(name, ask(reasoning_effort="none", extra=extra))
    assert {key: full[key] for key in extra} == extra


# -- thinking -----------------------------------------------------------------------------------------------------

EFFORT: dict[str, Any] = {"reasoning_effort": "high"}
NONE: dict[str, Any] = {"reasoning_effort": "none"}
BUDGET: dict[str, Any] = {"reasoning_budget_tokens": 2000}
TEMPLATE_OFF = {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}
ON, OFF = {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}
THINKING: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("openrouter", "m", EFFORT, {"reasoning": {"effort": "high"}}),
    ("openrouter", "m", NONE, {"reasoning": {"effort": "none"}}),
    ("openrouter", "m", BUDGET, {"reasoning": {"max_tokens": 2000}}),
    ("openrouter", "m", EFFORT | BUDGET, {"reasoning": {"max_tokens": 2000}}),
    ("grok", "grok-4.3", EFFORT, EFFORT),
    ("deepseek", "deepseek-v4-pro", EFFORT, ON | EFFORT),
    ("deepseek", "deepseek-v4-pro", NONE, OFF),
    ("deepseek", "deepseek-v4-pro", BUDGET, ON),
    ("deepseek", "deepseek-v4-pro", {}, {}),
    ("deepseek", "deepseek-v4-pro", {"tools": (LOOK,), "tool_choice": FORCED}, OFF),
    ("mistral", "m", EFFORT, EFFORT),
    ("groq", "llama-3.3-70b-versatile", {}, {}),
    ("groq", "qwen/qwen3-32b", {}, {"reasoning_format": "parsed"}),
    ("groq", "openai/gpt-oss-20b", EFFORT, EFFORT),
    ("vllm", "m", EFFORT, EFFORT),
    ("vllm", "m", NONE, TEMPLATE_OFF),
    ("sglang", "m", NONE, TEMPLATE_OFF),
    ("llamacpp", "m", NONE, TEMPLATE_OFF),
    ("lmstudio", "m", BUDGET, {}),
    ("azure", "m", EFFORT, EFFORT),
]
THINKING_FIELDS = ("reasoning", "thinking", "reasoning_effort", "reasoning_format", "chat_template_kwargs")


@pytest.mark.parametrize(("name", "model", "fields", "written"), THINKING)
def test_each_server_is_told_to_think_in_its_own_words(name: str, model: str, fields: Any, written: Any) -> None:
    full = sent(name, ask(**fields), model)
    assert {key: full[key] for key in THINKING_FIELDS if key in full} == written


@pytest.mark.parametrize(
    "model",
    [
        "Qwen/Qwen3-8B", "qwen3:4b", "Qwen3-30B-A3B-Thinking-2507", "deepseek-ai/DeepSeek-R1", "deepseek-v3.1",
        "openai/gpt-oss-120b", "QwQ-32B", "zai-org/GLM-4.6", "MiniMaxAI/MiniMax-M2", "moonshotai/Kimi-K2-Thinking",
    ],
)  # fmt: skip
def test_an_open_model_that_thinks_is_known_by_its_name(model: str) -> None:
    assert thinks_openly(model)


@pytest.mark.parametrize(
    "model",
    [
        "Qwen3-30B-A3B-Instruct-2507", "Qwen/Qwen3-Coder-480B", "meta-llama/Llama-3.3-70B-Instruct", "gemma-3-27b-it",
        "deepseek-ai/DeepSeek-V3-0324", "moonshotai/Kimi-K2-Instruct", "mistral-small", "qwen2.5", "claude-3.5-sonnet",
    ],
)  # fmt: skip
def test_an_open_model_that_does_not_think_is_not_taken_for_one(model: str) -> None:
    assert not thinks_openly(model)


@pytest.mark.parametrize(
    ("model", "thinks"),
    [("grok-4", True), ("grok-3-mini", True), ("grok-code-fast-1", True), ("grok-3", False), ("grok-2-1212", False),
     ("grok-4-1-fast-non-reasoning", False), ("grok-4-1-fast-reasoning", True)],
)  # fmt: skip
def test_a_grok_that_thinks_is_known_by_its_name(model: str, thinks: bool) -> None:
    assert grok_thinks(model) is thinks


# -- replayed reasoning -------------------------------------------------------------------------------------------


def assistant(name: str, request: InferenceRequest, model: str = "m") -> dict[str, Any]:
    (found,) = [each for each in sent(name, request, model)["messages"] if each["role"] == "assistant"]
    return dict(found)


def test_openrouters_items_go_back_as_they_came_and_in_order() -> None:
    accumulator = Accumulator(Limits(), origin=ROUTER.origin)
    accumulator.begin_attempt()
    for event in decode(ROUTER.decoder(Limits()), [sse(*ITEMS)]):
        accumulator.fold(event)
    request = ask(Message.user("a"), Message.assistant(*accumulator.blocks()), Message.user("b"))
    assert assistant("openrouter", request, "vendor/model") == {
        "role": "assistant",
        "content": "So. Yes.",
        "reasoning_details": [
            detail("text", text="hm", signature="sig"), detail("summary", 1, summary="Short."),
            detail("encrypted", 1, data="ÿ==", id="rs_1"), detail("encrypted", 1, data="zz==", id="rs_2"),
            detail("server_tool_call", 2, name="search"),
        ],
    }  # fmt: skip
    assert "reasoning_details" not in assistant("openrouter", request, "vendor/other")


@pytest.mark.parametrize("signature", [None, "sig", "[1]", '{"a":', ""])
def test_what_is_no_item_of_openrouters_is_not_sent_to_it(signature: str | None) -> None:
    request = turn("openrouter/m", "x", signature=signature)
    assert assistant("openrouter", request) == {"role": "assistant", "content": "x"}


def test_deepseek_gets_its_thoughts_back_where_there_are_tools() -> None:
    origin = "deepseek/deepseek-v4-pro"
    with_call = assistant("deepseek", turn(origin, CALL), "deepseek-v4-pro")
    assert (with_call["reasoning_content"], with_call["content"]) == ("hm", None)
    assert "reasoning_content" not in assistant("deepseek", turn(origin, "x"), "deepseek-v4-pro")
    assert assistant("deepseek", turn("other/m", CALL), "deepseek-v4-pro")["reasoning_content"] == ""
    assert "reasoning_content" not in assistant("deepseek", turn("other/m", CALL), "deepseek-chat")


def test_deepseek_gets_them_back_on_every_turn_of_a_request_with_tools() -> None:
    request = InferenceRequest(turn("deepseek/deepseek-v4-pro", "x").messages, tools=(LOOK,))
    assert assistant("deepseek", request, "deepseek-v4-pro")["reasoning_content"] == "hm"


def test_mistral_gets_its_thoughts_back_as_parts_of_the_content() -> None:
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    text = {"type": "text", "text": "x"}
    assert assistant("mistral", turn("mistral/m", "x", CALL))["content"] == [part, text]
    assert assistant("mistral", turn("mistral/m", CALL))["content"] == [part]
    assert assistant("mistral", turn("mistral/m", "x", signature="s"))["content"] == [part | {"signature": "s"}, text]
    assert assistant("mistral", turn("mistral/m", "x"))["content"] == "x"
    assert assistant("mistral", turn("other/m", "x", CALL))["content"] == "x"


@pytest.mark.parametrize("name", ["grok", "groq", "azure", *LOCAL])
def test_servers_without_a_place_for_it_get_no_reasoning(name: str) -> None:
    request = turn(f"{name}/m", "x", CALL, signature="hm")
    assert "hm" not in json.dumps(sent(name, request))


# -- ids of calls -------------------------------------------------------------------------------------------------


def test_mistral_gets_ids_of_nine_characters_that_still_fit_together() -> None:
    request = ask(Message.user("a"), Message.assistant(CALL), Message.tool_results(ToolResult("toolu_1", "x")))
    _, asked, answered = sent("mistral", request)["messages"]
    assert asked["tool_calls"][0]["id"] == answered["tool_call_id"] == nine_characters("toolu_1")
    assert nine_characters("abcDEF012") == "abcDEF012"


@given(st.lists(st.text(), unique=True, max_size=20))
def test_nine_characters_are_letters_and_digits_and_tell_ids_apart(ids: list[str]) -> None:
    written = [nine_characters(each) for each in ids]
    assert all(len(each) == 9 and each.isascii() and each.isalnum() for each in written)
    assert len(set(written)) == len(ids)
