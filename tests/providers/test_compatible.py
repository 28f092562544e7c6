"""The presets: where each asks, what opens it, and exactly what the next request says after an interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.continuation import NextRequest, next_request
from riverrun.engine.core.messages import Message, Tool
from riverrun.engine.core.planner import ContinueText
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.core.usage_error import KeyUnusable, UsageError
from riverrun.providers.by_name import from_name
from riverrun.providers.models import ModelFacts
from riverrun.providers.openai_chat.azure import AzureOpenAI
from riverrun.providers.openai_chat.presets import (
    VLLM,
    DeepSeek,
    Grok,
    Groq,
    LlamaCpp,
    LMStudio,
    Mistral,
    OpenRouter,
    SGLang,
)
from riverrun.providers.openai_chat.provider import OpenAIChat

KEY = "sk-canary-0123456789"
LOOK = Tool("look", "Looks.", {"type": "object"})
NATIVE, PREFILL, QUOTED = ContinuationForm.NATIVE, ContinuationForm.PREFILL, ContinuationForm.QUOTE
PRESETS: dict[str, Callable[..., Any]] = {
    "openrouter": OpenRouter, "grok": Grok, "deepseek": DeepSeek, "mistral": Mistral, "groq": Groq, "vllm": VLLM,
    "sglang": SGLang, "llamacpp": LlamaCpp, "lmstudio": LMStudio,
    "azure": lambda model, **options: AzureOpenAI(model, azure_endpoint="https://res.openai.azure.com", **options),
}  # fmt: skip
HOSTED = ["openrouter", "grok", "deepseek", "mistral", "groq", "azure"]
LOCAL = ["vllm", "sglang", "llamacpp", "lmstudio"]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for made in (OpenRouter, Grok, DeepSeek, Mistral, Groq, VLLM, SGLang, LlamaCpp, LMStudio, AzureOpenAI):
        monkeypatch.delenv(made.api_key_envs[0], raising=False)
    for name in ("GROQ_BASE_URL", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_AD_TOKEN", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)


def ask(*messages: Message, **fields: Any) -> InferenceRequest:
    return InferenceRequest(messages or (Message.user("Hi."),), **fields)


def body(provider: Any, request: InferenceRequest, form: ContinuationForm | None = None) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(provider.encode(request, form).body)
    return parsed


# -- where, and what opens it -------------------------------------------------------------------------------------

ADDRESSES = {
    "openrouter": "https://openrouter.ai/api/v1/chat/completions",
    "grok": "https://api.x.ai/v1/chat/completions",
    "deepseek": "https://api.deepseek.com/chat/completions",
    "mistral": "https://api.mistral.ai/v1/chat/completions",
    "groq": "https://api.groq.com/openai/v1/chat/completions",
    "azure": "https://res.openai.azure.com/openai/v1/chat/completions",
    "vllm": "http://localhost:8000/v1/chat/completions",
    "sglang": "http://localhost:30000/v1/chat/completions",
    "llamacpp": "http://localhost:8080/v1/chat/completions",
    "lmstudio": "http://localhost:1234/v1/chat/completions",
}
VARIABLES = {
    "openrouter": "OPENROUTER_API_KEY",
    "grok": "XAI_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "groq": "GROQ_API_KEY",
    "azure": "AZURE_OPENAI_API_KEY",
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_each_preset_has_its_address(name: str) -> None:
    assert PRESETS[name]("m", api_key=KEY).encode(ask()).url == ADDRESSES[name]


@pytest.mark.parametrize("name", ADDRESSES)
def test_each_preset_is_found_by_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://res.openai.azure.com")
    provider: Any = from_name(f"{name}/vendor/model", api_key=KEY)
    assert (provider.name, provider.model, provider.origin) == (name, "vendor/model", f"{name}/vendor/model")


@pytest.mark.parametrize("name", HOSTED)
def test_a_hosted_preset_wants_the_key_of_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyUnusable, match=f"set {VARIABLES[name]} in the environment"):
        PRESETS[name]("m")
    monkeypatch.setenv(VARIABLES[name], KEY)
    header = "api-key" if name == "azure" else "authorization"
    assert PRESETS[name]("m").encode(ask()).headers[header].reveal().endswith(KEY)


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_another_variable_can_be_named_and_is_never_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    provider = PRESETS[name]("m", api_key_env="MY_KEY")
    headers = provider.encode(ask()).headers
    assert any(getattr(value, "reveal", str)().endswith(KEY) for value in headers.values())
    assert "canary" not in repr((provider, provider.encode(ask()), vars(provider)))


@pytest.mark.parametrize("name", LOCAL)
def test_a_server_of_ones_own_needs_no_key_on_this_machine(name: str) -> None:
    assert set(PRESETS[name]("m").encode(ask()).headers) == {"content-type", "accept"}
    with pytest.raises(KeyUnusable):
        PRESETS[name]("m", base_url="https://gpu.example.com/v1")


@pytest.mark.parametrize("name", HOSTED)
def test_a_hosted_preset_needs_no_key_on_this_machine_either(name: str) -> None:
    made = AzureOpenAI if name == "azure" else PRESETS[name]
    provider = made("m", base_url="http://127.0.0.1:9/v1")
    assert provider.encode(ask()).url == "http://127.0.0.1:9/v1/chat/completions"


def test_openrouter_is_told_which_application_asks() -> None:
    headers = OpenRouter("m", api_key=KEY, referer="https://example.com", title="Mine").encode(ask()).headers
    assert (headers["http-referer"], headers["x-title"]) == ("https://example.com", "Mine")


@pytest.mark.parametrize("origin", ["https://proxy.example.com", "https://proxy.example.com/"])
def test_groq_takes_the_origin_as_its_own_library_does(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_BASE_URL", origin)
    assert Groq("m", api_key=KEY).base_url == "https://proxy.example.com/openai/v1"
    assert Groq("m", api_key=KEY, base_url="https://b.example.com/x").base_url == "https://b.example.com/x"


AZURE: dict[str, tuple[dict[str, str], str]] = {
    "the resource": ({}, "https://r.openai.azure.com/openai/v1/chat/completions"),
    "a version": (
        {"api_version": "2024-10-21"},
        "https://r.openai.azure.com/openai/deployments/my%2Fgpt/chat/completions?api-version=2024-10-21",
    ),
    "the whole address": (
        {"base_url": "https://r.openai.azure.com/openai/deployments/d", "api_version": "2024-10-21"},
        "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
    ),
}


@pytest.mark.parametrize("name", AZURE)
def test_azure_has_two_addresses(name: str) -> None:
    options, url = AZURE[name]
    provider = AzureOpenAI("my/gpt", azure_endpoint="https://r.openai.azure.com/", api_key=KEY, **options)  # type: ignore[arg-type]
    assert provider.encode(ask()).url == url
    assert body(provider, ask(max_tokens=5))["max_completion_tokens"] == 5


def test_azure_reads_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="set AZURE_OPENAI_ENDPOINT"):
        AzureOpenAI("d", api_key=KEY)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token")
    sent = AzureOpenAI("d").encode(ask())
    assert sent.url.endswith("/openai/deployments/d/chat/completions?api-version=2024-10-21")
    assert sent.headers["authorization"].reveal() == "Bearer token"  # type: ignore[union-attr]
    assert set(AzureOpenAI("d", api_key=KEY).encode(ask()).headers) == {"content-type", "accept", "api-key"}


def test_azures_own_library_asks_at_the_same_address() -> None:
    library = pytest.importorskip("openai")
    version = "2024-10-21"
    endpoint = "https://r.openai.azure.com"
    theirs = library.AzureOpenAI(azure_endpoint=endpoint, azure_deployment="d", api_version=version, api_key="k")
    ours = AzureOpenAI("d", azure_endpoint=endpoint, api_version=version, api_key="k").encode(ask()).url
    assert ours == f"{theirs.base_url}chat/completions?api-version={theirs._api_version}"
    theirs.close()


@pytest.mark.parametrize("version", ["a?b", "x&y", "../1", "é"])
def test_a_version_that_would_rewrite_the_address_is_refused(version: str) -> None:
    with pytest.raises(UsageError, match="api_version is"):
        AzureOpenAI("d", azure_endpoint="https://r.openai.azure.com", api_key=KEY, api_version=version)


def test_a_bad_endpoint_is_named() -> None:
    with pytest.raises(UsageError, match="azure_endpoint is 'http://r"):
        AzureOpenAI("d", azure_endpoint="http://r.example.com", api_key=KEY)


# -- the next request ---------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    return (
        "Your reply was cut off by a network failure before it was finished. It ended with exactly this text:\n\n"
        f"<tail>{text}</tail>\n\n"
        "Continue that reply from the very next character after the tail. Do not repeat any of it, do not start over, "
        "and do not mention the interruption: write only what comes next. If the reply was already complete, write "
        "nothing."
    )


def next_step(provider: Any, request: InferenceRequest, text: str) -> NextRequest:
    snapshot = InterruptSnapshot.from_partials(text, (), len(text))
    step = next_request(request, snapshot, ContinueText(text), provider.capabilities(request))
    assert isinstance(step, NextRequest)
    return step


HI: dict[str, Any] = {"role": "user", "content": "Hi."}
SAID: dict[str, Any] = {"role": "assistant", "content": "Once upon "}
ASKED: dict[str, Any] = {"role": "user", "content": quoted("Once upon ")}
USAGE = {"stream_options": {"include_usage": True}}
THINKING_OFF = {"thinking": {"type": "disabled"}}

CONTINUATIONS: dict[str, tuple[str, str, ContinuationForm, list[Any], dict[str, Any]]] = {
    # preset, model, form, messages, what else the body holds
    "openrouter, claude 4.5": (
        "openrouter", "anthropic/claude-sonnet-4.5", PREFILL,
        [HI, {"role": "assistant", "content": "Once upon"}], {"max_tokens": 97},
    ),
    "openrouter, newer claude": (
        "openrouter", "anthropic/claude-opus-4.6", QUOTED, [HI, SAID, ASKED], {"max_tokens": 97},
    ),
    "openrouter, gpt": ("openrouter", "openai/gpt-4o", QUOTED, [HI, SAID, ASKED], {"max_tokens": 97}),
    "grok": ("grok", "grok-4.3", QUOTED, [HI, SAID, ASKED], {"max_completion_tokens": 97, **USAGE}),
    "deepseek, chat": (
        "deepseek", "deepseek-chat", NATIVE, [HI, SAID | {"prefix": True}], {"max_tokens": 97, **USAGE},
    ),
    "deepseek, thinking": (
        "deepseek", "deepseek-v4-pro", NATIVE, [HI, SAID | {"prefix": True}],
        {"max_tokens": 97, **USAGE, **THINKING_OFF},
    ),
    "deepseek, reasoner": (
        "deepseek", "deepseek-reasoner", QUOTED, [HI, SAID, ASKED], {"max_tokens": 97, **USAGE},
    ),
    "mistral": ("mistral", "mistral-large-latest", NATIVE, [HI, SAID | {"prefix": True}], {"max_tokens": 97}),
    "mistral, thinking": ("mistral", "magistral-medium-latest", QUOTED, [HI, SAID, ASKED], {"max_tokens": 97}),
    "groq": ("groq", "llama-3.3-70b-versatile", PREFILL, [HI, SAID], {"max_completion_tokens": 97, **USAGE}),
    "groq, thinking": (
        "groq", "openai/gpt-oss-120b", QUOTED, [HI, SAID, ASKED], {"max_completion_tokens": 97, **USAGE},
    ),
    "groq, a system of several calls": (
        "groq", "groq/compound", QUOTED, [HI, SAID, ASKED], {"max_completion_tokens": 97, **USAGE},
    ),
    "azure": ("azure", "my-gpt", QUOTED, [HI, SAID, ASKED], {"max_completion_tokens": 97, **USAGE}),
    "vllm": (
        "vllm", "meta-llama/Llama-3.1-8B-Instruct", NATIVE, [HI, SAID],
        {"max_tokens": 97, **USAGE, "continue_final_message": True, "add_generation_prompt": False},
    ),
    "vllm, thinking": ("vllm", "Qwen/Qwen3-8B", QUOTED, [HI, SAID, ASKED], {"max_tokens": 97, **USAGE}),
    "sglang": (
        "sglang", "meta-llama/Llama-3.1-8B-Instruct", NATIVE, [HI, SAID],
        {"max_tokens": 97, **USAGE, "continue_final_message": True},
    ),
    "sglang, thinking": (
        "sglang", "deepseek-ai/DeepSeek-R1", QUOTED, [HI, SAID, ASKED], {"max_tokens": 97, **USAGE},
    ),
    "llamacpp": ("llamacpp", "gemma-3-1b", PREFILL, [HI, SAID], {"max_tokens": 97, **USAGE}),
    "llamacpp, thinking": ("llamacpp", "qwen3-4b", QUOTED, [HI, SAID, ASKED], {"max_tokens": 97, **USAGE}),
    "lmstudio": ("lmstudio", "gemma-3-1b", QUOTED, [HI, SAID, ASKED], {"max_tokens": 97, **USAGE}),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTINUATIONS)
def test_the_next_request_says_what_was_said_as_its_server_wants_it(name: str) -> None:
    preset, model, form, messages, others = CONTINUATIONS[name]
    provider = PRESETS[preset](model, api_key=KEY)
    step = next_step(provider, ask(max_tokens=100), "Once upon ")
    assert step.form is form
    expected = {"model": model, "messages": messages, "stream": True, **others}
    assert body(provider, step.request, step.form) == expected


def test_openrouter_takes_the_space_at_the_end_off_a_prefix() -> None:
    step = next_step(OpenRouter("anthropic/claude-3.5-haiku", api_key=KEY), ask(), "Once upon ")
    assert (step.said, step.trimmed, step.searches) == ("Once upon", " ", False)


def test_mistral_may_echo_and_the_others_do_not() -> None:
    steps = {name: next_step(PRESETS[name]("plain", api_key=KEY), ask(), "a b c") for name in PRESETS}
    assert {name for name, step in steps.items() if step.searches and step.form is not QUOTED} == {"mistral"}


@pytest.mark.parametrize(
    "base_url", ["https://api.deepseek.com", "https://api.deepseek.com/v1", "https://api.deepseek.com/beta"]
)
def test_deepseek_continues_on_the_beta_path_only(base_url: str) -> None:
    provider = DeepSeek("deepseek-chat", api_key=KEY, base_url=base_url)
    assert provider.encode(ask(Message.assistant("a")), NATIVE).url == "https://api.deepseek.com/beta/chat/completions"
    for form in (None, QUOTED, ContinuationForm.RESTART):
        assert provider.encode(ask(), form).url == f"{base_url}/chat/completions"


def test_deepseek_keeps_the_ceiling_and_drops_the_effort_of_a_prefix() -> None:
    sent = body(DeepSeek("deepseek-v4-pro", api_key=KEY), ask(Message.assistant("a"), reasoning_effort="max"), NATIVE)
    assert sent["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in sent


@pytest.mark.parametrize("name", ["vllm", "sglang", "llamacpp", "mistral", "groq", "openrouter"])
@pytest.mark.parametrize("fields", [{"reasoning_effort": "high"}, {"reasoning_budget_tokens": 2000}])
def test_nothing_is_prefilled_while_it_thinks(name: str, fields: Any) -> None:
    declared = PRESETS[name]("claude-3-5-haiku", api_key=KEY).capabilities(ask(**fields))
    assert (declared.forms, declared.reasons) == ((QUOTED,), True)


@pytest.mark.parametrize(
    "fields", [{"reasoning_effort": "none"}, {"extra": {"chat_template_kwargs": {"enable_thinking": False}}}]
)
@pytest.mark.parametrize("name", ["vllm", "sglang", "llamacpp"])
def test_a_model_that_is_told_not_to_think_is_continued(name: str, fields: Any) -> None:
    declared = PRESETS[name]("Qwen/Qwen3-8B").capabilities(ask(**fields))
    assert declared.forms[-1] is QUOTED
    assert len(declared.forms) == 2


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
@pytest.mark.parametrize(
    "fields",
    [
        {"extra": {"response_format": {"type": "json_object"}}},
        {"tools": (LOOK,), "tool_choice": ToolChoice.tool("look")},
    ],
)
def test_what_can_only_be_had_whole_is_asked_for_again(name: str, fields: Any) -> None:
    provider = PRESETS[name]("m", api_key=KEY)
    step = next_step(provider, ask(**fields), "Once upon")
    assert step.form is ContinuationForm.RESTART
    assert body(provider, step.request, step.form)["messages"] == [HI]


@pytest.mark.parametrize(
    ("name", "field"),
    [("vllm", "guided_json"), ("vllm", "structured_outputs"), ("sglang", "ebnf"), ("llamacpp", "grammar")],
)
def test_an_answer_that_is_bound_by_a_grammar_is_asked_for_again(name: str, field: str) -> None:
    declared = PRESETS[name]("m").capabilities(ask(extra={field: "x"}))
    assert declared.whole_only == f"the answer is bound by {field}: its second half can not be asked for"
    assert PRESETS[name]("m").capabilities(ask(extra={field: ""})).whole_only is None


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_a_form_that_a_preset_does_not_have_is_refused(name: str) -> None:
    provider = PRESETS[name]("m", api_key=KEY)
    with pytest.raises(UsageError, match=f"{name} has no cursor continuation"):
        provider.encode(ask(), ContinuationForm.CURSOR)
    if name not in ("deepseek", "mistral", "vllm", "sglang"):
        with pytest.raises(UsageError, match=f"{name} has no native continuation"):
            provider.encode(ask(), NATIVE)


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_what_the_caller_declares_wins(name: str) -> None:
    declared = Capabilities(forms=(PREFILL,), echoes=True)
    assert PRESETS[name]("m", api_key=KEY, capabilities=declared).capabilities(ask()) == declared
    assert PRESETS[name]("m", api_key=KEY, facts=ModelFacts(reasons=True)).capabilities(ask()).reasons


def test_a_model_that_is_loaded_on_demand_says_what_one_waits_for() -> None:
    assert LMStudio("m").capabilities(ask()).waiting_message == "LM Studio may be loading the model"
    assert OpenAIChat("m", api_key=KEY).capabilities(ask()).waiting_message is None


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_a_preset_says_what_it_is(name: str) -> None:
    provider = PRESETS[name]("m", api_key=KEY)
    assert repr(provider) == f"{type(provider).__name__}('m', base_url={provider.base_url!r})"
    assert all(isinstance(getattr(provider, field), str) for field in ("title", "reasoning", "usage"))
