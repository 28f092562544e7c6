"""Requests to Ollama: the exact body, where it goes, what its own library says of it, and how answers go on."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.continuation import NextRequest, next_request
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
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.core.usage_error import KeyUnusable, UsageError
from riverrun.providers.models import ModelFacts, ModelUse
from riverrun.providers.ollama.host import read_host
from riverrun.providers.ollama.provider import Ollama

KEY = "olm-canary-key"
LOOK = Tool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})
PNG = b"\x89PNG"
QUOTE = (ContinuationForm.QUOTE,)
PREFILL = (ContinuationForm.PREFILL, ContinuationForm.QUOTE)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLLAMA_HOST", "OLLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def ask(*messages: Message, **fields: Any) -> InferenceRequest:
    return InferenceRequest(messages or (Message.user("Hi."),), **fields)


def body(request: InferenceRequest, model: str = "llama3.2", form: Any = None) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(Ollama(model).encode(request, form).body)
    return parsed


FULL = ask(
    Message.user("What is this?", ImageBlock(data=PNG)),
    Message.assistant(
        ReasoningBlock("Let me look.", origin="ollama/llama3.2"),
        ReasoningBlock("Elsewhere.", origin="ollama/other"),
        OpaqueBlock("search", {"x": 1}, "anthropic/x"),
        "One moment.",
        ToolCall("c1", "look", {"at": "São"}),
    ),
    Message.tool_results(
        ToolResult("c1", (TextBlock("a cat"), ImageBlock(data=b"cat"))), ToolResult("c0", "gone", is_error=True)
    ),
    Message.assistant(ReasoningBlock("Not again.", origin="ollama/llama3.2"), "A cat."),
    Message.user("Sure?"),
    system=("Be brief.", "Be kind."),
    tools=(LOOK,),
    max_tokens=64,
    temperature=0.5,
    stop_sequences=("END",),
    extra={"keep_alive": "5m", "options": {"num_ctx": 8192, "temperature": 0.1}},
)

FULL_BODY = {
    "model": "llama3.2",
    "messages": [
        {"role": "system", "content": "Be brief.\n\nBe kind."},
        {"role": "user", "content": "What is this?", "images": [base64.b64encode(PNG).decode()]},
        {
            "role": "assistant",
            "content": "One moment.",
            "thinking": "Let me look.",
            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": {"at": "São"}}}],
        },
        {"role": "tool", "content": "a cat", "tool_name": "look", "tool_call_id": "c1"},
        {"role": "tool", "content": "Error: gone", "tool_call_id": "c0"},
        {"role": "user", "content": "", "images": [base64.b64encode(b"cat").decode()]},
        {"role": "assistant", "content": "A cat."},
        {"role": "user", "content": "Sure?"},
    ],
    "stream": True,
    "tools": [
        {
            "type": "function",
            "function": {"name": "look", "description": "Looks.", "parameters": LOOK.input_schema},
        }
    ],
    "options": {"num_predict": 64, "temperature": 0.1, "stop": ["END"], "num_ctx": 8192},
    "keep_alive": "5m",
}


def test_a_full_request_has_exactly_this_body() -> None:
    assert body(FULL) == FULL_BODY


def test_a_short_request_has_nothing_unasked() -> None:
    messages = [{"role": "user", "content": "Hi."}]
    assert body(ask()) == {"model": "llama3.2", "messages": messages, "stream": True}


def theirs(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn as Ollama's library has it: images wrapped, and no place for the ids of calls."""
    calls = [{"function": call["function"]} for call in turn.get("tool_calls", ())]
    kept = {key: value for key, value in turn.items() if key not in ("tool_call_id", "tool_calls")}
    return kept | ({"tool_calls": calls} if calls else {})


def test_ollamas_own_types_accept_the_body() -> None:
    types = pytest.importorskip("ollama._types")
    sent = body(FULL)
    images = [[types.Image(value=image) for image in turn.get("images", ())] for turn in sent["messages"]]
    messages = [
        types.Message(**{**turn, "images": i or None}) for turn, i in zip(sent["messages"], images, strict=True)
    ]
    told = types.ChatRequest(**{**sent, "messages": messages}).model_dump(exclude_none=True)
    assert told["messages"] == [theirs(turn) for turn in sent["messages"]]
    assert {key: told[key] for key in ("model", "stream", "options", "keep_alive")} == {
        key: sent[key] for key in ("model", "stream", "options", "keep_alive")
    }


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({}, None),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning_effort": "low"}, "low"),
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning_effort": "xhigh"}, "max"),
        ({"reasoning_budget_tokens": 2000}, True),
        ({"reasoning_effort": "none", "reasoning_budget_tokens": 2000}, False),
    ],
)
def test_effort_and_budget_are_think(fields: Any, think: Any) -> None:
    assert body(ask(**fields)).get("think") == think


@pytest.mark.parametrize("choice", ["required", ToolChoice.tool("look")])
def test_a_call_can_not_be_forced(choice: Any) -> None:
    with pytest.raises(UsageError, match="can not force a call"):
        body(ask(tools=(LOOK,), tool_choice=choice))


def test_tools_are_left_out_where_none_may_be_called() -> None:
    assert "tools" not in body(ask(tools=(LOOK,), tool_choice="none"))
    assert "tools" in body(ask(tools=(LOOK,), tool_choice="auto"))


def test_an_image_by_address_is_refused() -> None:
    with pytest.raises(UsageError, match="expected ImageBlock"):
        body(ask(Message.user("x", ImageBlock(url="https://example.com/a.png"))))


def test_a_conversation_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="expected something to answer"):
        body(ask(Message.user("")))


@pytest.mark.parametrize("extra", [{"stream": False}, {"options": {"x": float("nan")}}])
def test_extra_fields_that_break_the_stream_are_refused(extra: Any) -> None:
    with pytest.raises(UsageError, match="expected"):
        body(ask(extra=extra))


@pytest.mark.parametrize("form", [ContinuationForm.NATIVE, ContinuationForm.CURSOR])
def test_a_form_that_ollama_does_not_have_is_refused(form: ContinuationForm) -> None:
    with pytest.raises(UsageError, match=f"no {form.value} continuation"):
        body(ask(), form=form)


# -- where it goes ------------------------------------------------------------------------------------------------

HOSTS = [
    "1.2.3.4", ":56789", "1.2.3.4:56789", "http://1.2.3.4", "https://1.2.3.4:56789", "example.com", "example.com/",
    "example.com:56789/path/", "https://example.com", "https://example.com:56789/path", "[0001:002:003:0004::1]",
    "[0001:002:003:0004::1]:56789/path", "http://[::1]", "localhost", "",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_read_as_ollamas_own_library_reads_it(host: str) -> None:
    client = pytest.importorskip("ollama._client")
    theirs = client._parse_host(host)
    default = {"http": ":80", "https": ":443"}[theirs.partition(":")[0]]
    ours, _, path = read_host(host).partition("://")[2].partition("/")
    full = ours if ":" in ours.rpartition("]")[2] else ours + default
    assert f"{theirs.partition(':')[0]}://{full}" + (f"/{path}" if path else "") == theirs


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("ollama.com", "https://ollama.com"),
    ],
)
def test_a_host_that_servers_are_given_is_this_machine_and_the_cloud_is_encrypted(host: str, origin: str) -> None:
    assert read_host(host) == origin


@given(st.text(max_size=30))
def test_any_host_is_an_address_or_a_usage_error(host: str) -> None:
    with contextlib.suppress(UsageError):
        assert Ollama("m", base_url=host, allow_insecure=True, api_key="k").base_url.startswith("http")


def test_the_address_is_this_machines_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Ollama("m").encode(ask()).url == "http://localhost:11434/api/chat"
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:8080")
    assert Ollama("m").encode(ask()).url == "http://127.0.0.1:8080/api/chat"
    assert Ollama("m", base_url="http://localhost:1/x/").encode(ask()).url == "http://localhost:1/x/api/chat"


def test_another_machine_wants_encryption_or_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu.example.com")
    with pytest.raises(UsageError, match="OLLAMA_HOST is"):
        Ollama("m")
    assert Ollama("m", allow_insecure=True).base_url == "http://gpu.example.com:11434"


@pytest.mark.parametrize("base_url", ["http://localhost:11434/v1", "http://localhost:11434/api/"])
def test_the_origin_is_wanted_without_a_path_of_the_apis(base_url: str) -> None:
    with pytest.raises(UsageError, match="expected it without /v1 or /api"):
        Ollama("m", base_url=base_url)


def sent_key(**options: Any) -> str | None:
    headers = Ollama("m", **options).encode(ask()).headers
    value: Any = headers.get("authorization")
    return None if value is None else str(value.reveal())


def test_the_accounts_key_goes_to_the_cloud_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    assert sent_key() is None
    assert sent_key(base_url="https://elsewhere.example.com") is None
    assert sent_key(base_url="https://ollama.com") == f"Bearer {KEY}"
    assert sent_key(api_key="mine") == "Bearer mine"


def test_a_key_whose_variable_is_named_goes_where_the_caller_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    assert sent_key(base_url="https://proxy.example.com", api_key_env="MY_KEY") == f"Bearer {KEY}"
    assert sent_key(base_url="https://ollama.com", headers={"Authorization": "Bearer x"}) == "Bearer x"


def test_the_cloud_is_not_asked_without_a_key() -> None:
    with pytest.raises(KeyUnusable, match="set OLLAMA_API_KEY"):
        Ollama("gpt-oss:120b-cloud", base_url="https://ollama.com")


def test_a_key_is_never_shown() -> None:
    provider = Ollama("m", api_key=KEY)
    assert "canary" not in repr((provider, provider.encode(ask()), vars(provider)))


# -- how answers go on --------------------------------------------------------------------------------------------


def next_body(provider: Ollama, request: InferenceRequest, text: str) -> tuple[ContinuationForm, dict[str, Any]]:
    snapshot = InterruptSnapshot.from_partials(text, (), len(text))
    step = next_request(request, snapshot, ContinueText(text), provider.capabilities(request))
    assert isinstance(step, NextRequest)
    return step.form, json.loads(provider.encode(step.request, step.form).body)


def test_an_answer_is_continued_by_prefill() -> None:
    form, sent = next_body(Ollama("llama3.2"), ask(max_tokens=100), "Once upon ")
    assert form is ContinuationForm.PREFILL
    assert sent == {
        "model": "llama3.2",
        "messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Once upon "}],
        "stream": True,
        "options": {"num_predict": 97},
    }


def test_an_answer_of_a_model_that_thinks_is_quoted() -> None:
    form, sent = next_body(Ollama("qwen3:8b"), ask(), "Once upon a time")
    assert form is ContinuationForm.QUOTE
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    assert "<tail>Once upon a time</tail>" in sent["messages"][-1]["content"]


def test_json_mode_is_asked_for_again() -> None:
    form, sent = next_body(Ollama("llama3.2"), ask(extra={"format": "json"}), '{"a"')
    assert form is ContinuationForm.RESTART
    assert (sent["format"], len(sent["messages"])) == ("json", 1)


@pytest.mark.parametrize(
    ("model", "fields", "forms", "reasons"),
    [
        ("llama3.2", {}, PREFILL, False),
        ("qwen3:8b", {}, QUOTE, True),
        ("qwen3-coder", {}, PREFILL, False),
        ("gpt-oss:20b", {}, QUOTE, True),
        ("deepseek-r1:8b", {"reasoning_effort": "none"}, PREFILL, True),
        ("llama3.2", {"reasoning_effort": "high"}, QUOTE, True),
        ("llama3.2", {"reasoning_budget_tokens": 1}, QUOTE, True),
        ("llama3.2", {"extra": {"think": True}}, QUOTE, True),
    ],
)
def test_the_form_is_that_of_the_model_and_of_what_is_asked(model: str, fields: Any, forms: Any, reasons: bool) -> None:
    declared = Ollama(model).capabilities(ask(**fields))
    assert (declared.forms, declared.reasons, declared.echoes) == (forms, reasons, False)
    assert declared.waiting_message == f"ollama may be loading {model}"


def test_what_the_caller_declares_wins() -> None:
    declared = Capabilities(forms=QUOTE)
    assert Ollama("llama3.2", capabilities=declared).capabilities(ask()) == declared
    assert Ollama("llama3.2", facts=ModelFacts(reasons=True)).capabilities(ask()).forms == QUOTE
    with pytest.raises(UsageError, match="expected one that chats"):
        Ollama("x", facts=ModelFacts(use=ModelUse.EMBEDDING))
