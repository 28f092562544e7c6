"""The continuation ladder: provider, model family and plan make exactly this next request, as JSON and address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.continuation import CannotContinue, NextRequest, NextStep, next_request
from riverrun.engine.core.messages import Message, OpaqueBlock, TextBlock, Tool, ToolCall
from riverrun.engine.core.planner import plan_recovery
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.engine.core.snapshot import InFlightTool, InterruptSnapshot
from riverrun.providers.by_name import provider_classes
from tests.providers.ladder_compatible_rows import COMPATIBLE_RUNGS
from tests.providers.ladder_rows import RUNGS, Rung

LOOK = Tool("look", "Look.", {"type": "object"})
ASKED = InferenceRequest(Message.user("Where?"), system="Be brief.", tools=(LOOK,), max_tokens=1000)
SAID = "The river rises"
QUOTED = (
    "Your reply was cut off by a network failure before it was finished. It ended with exactly this text:\n\n"
    "<tail>The river rises</tail>\n\n"
    "Continue that reply from the very next character after the tail. Do not repeat any of it, do not start over, "
    "and do not mention the interruption: write only what comes next. If the reply was already complete, write nothing."
)
TEXT = InterruptSnapshot(text=SAID, blocks=(TextBlock(SAID),), output_tokens=100)
HALF = InFlightTool("call_1", "look", '{"ci')
SNAPSHOTS = {
    "ContinueText": TEXT,
    "TruncateBeforeTool": evolve(TEXT, in_flight_tools=(HALF,)),
    "WholeRestart": InterruptSnapshot(reasoning="Hm.", in_flight_tools=(HALF,), output_tokens=100),
    "SynthesizeToolUse": evolve(TEXT, completed_tool_calls=(ToolCall("call_0", "look", {}),), in_flight_tools=(HALF,)),
}
LADDER = [pytest.param(rung, model, id=f"{rung.title}, {model}") for rung in (*RUNGS, *COMPATIBLE_RUNGS)
          for model in rung.models]  # fmt: skip
every_rung = pytest.mark.parametrize(("rung", "model"), LADDER)


@pytest.fixture(autouse=True)
def nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GROQ_BASE_URL", "OLLAMA_HOST", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://res.openai.azure.com")


def provider(name: str, model: str) -> Any:
    return provider_classes()[name](model, api_key="key-0123456789")


def asked(rung: Rung) -> InferenceRequest:
    return evolve(ASKED, **rung.fields)


def step(of: Any, request: InferenceRequest, snapshot: InterruptSnapshot, *, attaches: bool = False) -> NextStep:
    """What follows; a background generation counts as gone unless `attaches`."""
    declared = of.capabilities(request)
    capabilities = declared if attaches else declared.without(ContinuationForm.CURSOR)
    return next_request(request, snapshot, plan_recovery(snapshot, capabilities), capabilities)


def wire(of: Any, following: NextStep) -> WireRequest:
    assert isinstance(following, NextRequest)
    written: WireRequest = of.encode(following.request, following.form)
    return written


def body(of: Any, following: NextStep) -> Any:
    return json.loads(wire(of, following).body)


def expected(text: str, model: str) -> Any:
    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(each) for key, each in value.items()}
        return [fill(each) for each in value] if isinstance(value, list) else filled.get(str(value), value)

    filled = {"$MODEL": model, "$QUOTE": QUOTED}
    return fill(json.loads(text))


@every_rung
@pytest.mark.parametrize("plan", ["ContinueText", "TruncateBeforeTool"])
def test_what_was_said_goes_on_by_exactly_this_request(rung: Rung, model: str, plan: str) -> None:
    of = provider(rung.provider, model)
    assert type(plan_recovery(SNAPSHOTS[plan])).__name__ == plan
    following = step(of, asked(rung), SNAPSHOTS[plan])
    assert isinstance(following, NextRequest)
    assert following.form is rung.form
    assert wire(of, following).url == (rung.next_url or rung.url).replace("$MODEL", model)
    assert body(of, following) == expected(rung.next, model)


@every_rung
def test_where_nothing_was_said_the_first_request_is_made_again(rung: Rung, model: str) -> None:
    of = provider(rung.provider, model)
    following = step(of, asked(rung), SNAPSHOTS["WholeRestart"])
    again = wire(of, following)
    assert (again.url, again.method) == (rung.url.replace("$MODEL", model), "POST")
    assert json.loads(again.body) == expected(rung.first, model)
    assert again.body == of.encode(asked(rung)).body


@every_rung
def test_completed_calls_ask_nothing(rung: Rung, model: str) -> None:
    of, snapshot = provider(rung.provider, model), SNAPSHOTS["SynthesizeToolUse"]
    assert type(plan_recovery(snapshot, of.capabilities(asked(rung)))).__name__ == "SynthesizeToolUse"
    assert isinstance(step(of, asked(rung), snapshot), CannotContinue)


# -- a generation that is still there -----------------------------------------------------------------------------

CREATED = {"id": "resp_/1", "model": "gpt-4.1", "background": True}
BACKGROUND = {"type": "response.created", "sequence_number": 41, "response": CREATED}
BEGUN = {"event_type": "interaction.created", "event_id": "e/7", "interaction": {"id": "v1_x?", "model": "gemini-x"}}
STORED: dict[str, tuple[str, str, dict[str, Any], bytes, str]] = {
    "OpenAI Responses, starting_after (§4.4)": (
        "openai-responses",
        "gpt-4.1",
        {"extra": {"background": True}},
        b"data: " + json.dumps(BACKGROUND).encode() + b"\n\n",
        "https://api.openai.com/v1/responses/resp_%2F1?stream=true&starting_after=41",
    ),
    "Gemini Interactions, last_event_id (§5.5)": (
        "gemini-interactions",
        "gemini-3.6-flash",
        {},
        b"data: " + json.dumps(BEGUN).encode() + b"\n\n",
        "https://generativelanguage.googleapis.com/v1beta/interactions/v1_x%3F?stream=true&last_event_id=e%2F7",
    ),
}


@pytest.mark.parametrize("name", STORED)
def test_a_generation_that_is_kept_is_read_on_and_not_asked_for_again(name: str) -> None:
    provider_name, model, fields, stream, url = STORED[name]
    of, request = provider(provider_name, model), evolve(ASKED, **fields)
    cursors = [event.cursor for event in of.decoder(Limits()).feed(stream) if hasattr(event, "cursor")]
    following = step(of, request, evolve(SNAPSHOTS["TruncateBeforeTool"], cursor=cursors[-1]), attaches=True)
    assert isinstance(following, NextRequest)
    assert following.form is ContinuationForm.CURSOR
    assert following.cursor is not None
    again, _ = of.reattach(following.cursor, Limits())
    assert (again.method, again.url, again.body) == ("GET", url, b"")


# -- white space at the end ---------------------------------------------------------------------------------------

SPACED = evolve(TEXT, text="The river rises.\n\n", blocks=(TextBlock("The river rises.\n\n"),))
LAST_TURN: dict[tuple[str, str], Any] = {
    ("anthropic", "claude-sonnet-4-5"): {
        "role": "assistant",
        "content": [{"type": "text", "text": "The river rises."}],
    },
    ("openrouter", "anthropic/claude-sonnet-4.5"): {"role": "assistant", "content": "The river rises."},
    ("deepseek", "deepseek-chat"): {"role": "assistant", "content": "The river rises.\n\n", "prefix": True},
    ("mistral", "mistral-large-latest"): {"role": "assistant", "content": "The river rises.\n\n", "prefix": True},
    ("vllm", "llama"): {"role": "assistant", "content": "The river rises.\n\n"},
    ("sglang", "llama"): {"role": "assistant", "content": "The river rises.\n\n"},
    ("llamacpp", "llama"): {"role": "assistant", "content": "The river rises.\n\n"},
    ("ollama", "llama3.2"): {"role": "assistant", "content": "The river rises.\n\n"},
    ("groq", "llama-3.3-70b-versatile"): {"role": "assistant", "content": "The river rises.\n\n"},
}


@pytest.mark.parametrize(("name", "model"), LAST_TURN)
def test_white_space_at_the_end_stays_unless_it_is_refused_and_is_then_remembered(name: str, model: str) -> None:
    of = provider(name, model)
    following = step(of, ASKED, SPACED)
    assert isinstance(following, NextRequest)
    assert body(of, following)["messages"][-1] == LAST_TURN[name, model]
    is_cut = name in ("anthropic", "openrouter")
    assert (following.said, following.trimmed) == ("The river rises." if is_cut else SPACED.text, "\n\n" * is_cut)


def test_gemini_keeps_white_space_at_the_end() -> None:
    of = provider("gemini", "gemini-2.5-flash")
    assert body(of, step(of, ASKED, SPACED))["contents"][-1] == {"role": "model", "parts": [{"text": SPACED.text}]}


# -- what can only be had whole -----------------------------------------------------------------------------------

SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
FORCED = {"tool_choice": ToolChoice.tool("look")}
WHOLE: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "Anthropic, JSON": (
        "anthropic", "claude-sonnet-5", {"extra": {"output_config": {"format": {"type": "json_schema"}}}},
        {"output_config": {"format": {"type": "json_schema"}}},
    ),
    "Anthropic, forced": ("anthropic", "claude-sonnet-4-5", FORCED, {"tool_choice": {"type": "tool", "name": "look"}}),
    "Anthropic, any": ("anthropic", "claude-sonnet-4-5", {"tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
    "OpenAI, JSON": ("openai", "gpt-4.1", {"extra": {"response_format": SCHEMA}}, {"response_format": SCHEMA}),
    "OpenAI, forced": (
        "openai", "gpt-4.1", FORCED, {"tool_choice": {"type": "function", "function": {"name": "look"}}},
    ),
    "Responses, JSON": (
        "openai-responses", "gpt-4.1", {"extra": {"text": {"format": {"type": "json_object"}}}},
        {"text": {"format": {"type": "json_object"}}},
    ),
    "Responses, forced": (
        "openai-responses", "gpt-4.1", FORCED, {"tool_choice": {"type": "function", "name": "look"}},
    ),
    "Gemini, JSON": (
        "gemini", "gemini-2.5-flash", {"extra": {"generationConfig": {"responseMimeType": "application/json"}}},
        {"generationConfig": {"maxOutputTokens": 1000, "responseMimeType": "application/json"}},
    ),
    "Gemini, forced": (
        "gemini", "gemini-2.5-flash", FORCED,
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}}},
    ),
    "Ollama, JSON": ("ollama", "llama3.2", {"extra": {"format": "json"}}, {"format": "json"}),
    "Mistral, forced": ("mistral", "mistral-large-latest", {"tool_choice": "required"}, {"tool_choice": "any"}),
    "vLLM, grammar": (
        "vllm", "llama", {"extra": {"structured_outputs": {"regex": "a+"}}}, {"structured_outputs": {"regex": "a+"}},
    ),
    "SGLang, grammar": ("sglang", "llama", {"extra": {"ebnf": "root ::= a"}}, {"ebnf": "root ::= a"}),
    "llama.cpp, grammar": ("llamacpp", "llama", {"extra": {"grammar": "root ::= a"}}, {"grammar": "root ::= a"}),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_what_can_only_be_had_whole_is_asked_for_again_with_its_whole_ceiling(name: str) -> None:
    provider_name, model, fields, written = WHOLE[name]
    rung = next(rung for rung in (*RUNGS, *COMPATIBLE_RUNGS) if rung.provider == provider_name)
    of = provider(provider_name, model)
    following = step(of, evolve(ASKED, **fields), TEXT)
    assert isinstance(following, NextRequest)
    assert following.form is ContinuationForm.RESTART
    assert body(of, following) == expected(rung.first, model) | written


# -- ceilings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("emitted", "left"), [(0, 1000), (1, 999), (999, 1), (1000, 1), (5000, 1), (None, 996)])
def test_the_ceiling_is_what_is_left_of_it_and_never_below_one(emitted: int | None, left: int) -> None:
    of = provider("anthropic", "claude-sonnet-4-5")
    written = body(of, step(of, ASKED, evolve(TEXT, output_tokens=emitted)))
    assert written == {**expected(RUNGS[0].next, "claude-sonnet-4-5"), "max_tokens": left}


@pytest.mark.parametrize(("emitted", "thinking"), [(100, {"type": "enabled", "budget_tokens": 2048}), (2000, None)])
def test_a_thinking_budget_that_no_longer_fits_is_left_out(emitted: int, thinking: Any) -> None:
    of, request = provider("anthropic", "claude-sonnet-4-5"), evolve(ASKED, max_tokens=4000)
    snapshot = evolve(TEXT, output_tokens=emitted)
    written = body(of, step(of, evolve(request, reasoning_budget_tokens=2048), snapshot))
    assert (written["max_tokens"], written.get("thinking")) == (4000 - emitted, thinking)


# -- server-side tools --------------------------------------------------------------------------------------------

SEARCH = OpaqueBlock("web_search_tool_result", {"type": "web_search_tool_result"}, origin="anthropic/claude-sonnet-4-5")
MAY_HAVE_RUN: dict[str, InterruptSnapshot] = {
    "in flight after text": evolve(TEXT, server_tool_in_flight="web_search"),
    "in flight, nothing said": InterruptSnapshot(server_tool_in_flight="web_search"),
    "finished, then another in flight": InterruptSnapshot(blocks=(SEARCH,), server_tool_in_flight="web_search"),
}


@pytest.mark.parametrize("name", MAY_HAVE_RUN)
@pytest.mark.parametrize(("of", "model"), [("anthropic", "claude-sonnet-4-5"), ("openai-responses", "gpt-4.1"),
                                           ("gemini", "gemini-2.5-flash")])  # fmt: skip
def test_a_server_side_tool_that_may_have_run_is_never_asked_for_again(of: str, model: str, name: str) -> None:
    refused = step(provider(of, model), ASKED, MAY_HAVE_RUN[name])
    assert isinstance(refused, CannotContinue)
    assert "web_search" in refused.reason
    assert "run" in refused.reason


def test_azure_is_asked_at_the_deployment_where_a_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    of = provider("azure", "my-gpt")
    written = wire(of, step(of, ASKED, TEXT))
    assert (
        written.url == "https://res.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    )
    rung = next(rung for rung in RUNGS if rung.provider == "azure")
    assert json.loads(written.body) == expected(rung.next, "my-gpt")
