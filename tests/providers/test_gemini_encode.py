"""Requests to Gemini: where they go, what opens it, and each field as exact JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from riverrun.engine.core.accumulator import Accumulator
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
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import ErrorResponse
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.engine.core.secret import Secret
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.core.usage_error import UsageError
from riverrun.providers.by_name import from_name
from riverrun.providers.gemini.encode import UNSIGNED
from riverrun.providers.gemini.models import GeminiFacts, gemini_facts
from riverrun.providers.gemini.provider import Gemini
from riverrun.providers.gemini_interactions.provider import GeminiInteractions
from tests.providers.fold import decode
from tests.providers.gemini_samples import KEY, call, chunk, encode, sse, text, thought

ASK = (Message.user("Hi"),)
LOOK = Tool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})
ENVS = ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_AI_API_KEY", "GOOGLE_GEMINI_BASE_URL")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVS:
        monkeypatch.delenv(name, raising=False)


def request(*messages: Message, **fields: Any) -> InferenceRequest:
    return InferenceRequest(messages or ASK, **fields)


def parts_of(*messages: Message, model: str = "gemini-2.5-flash") -> list[Any]:
    """The parts of the second turn: the model's."""
    return list(encode(request(*ASK, *messages), model)["contents"][1]["parts"])


# -- where it goes ----------------------------------------------------------------------------------------------------


def test_a_request_goes_to_the_model_and_the_key_travels_in_a_header() -> None:
    wire = Gemini("gemini-2.5-flash", api_key=KEY).encode(request())
    host = "https://generativelanguage.googleapis.com"
    assert wire.url == f"{host}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    key = wire.headers["x-goog-api-key"]
    assert isinstance(key, Secret)
    assert key.reveal() == KEY
    assert "canary" not in repr(wire) + wire.url


@pytest.mark.parametrize(
    ("model", "resource"),
    [
        ("a?key=1#", "models/a%3Fkey%3D1%23"),
        ("a:b/c", "models/a%3Ab%2Fc"),
        ("models/gemini-3-pro", "models/gemini-3-pro"),
        ("tunedModels/mine?", "tunedModels/mine%3F"),
        ("models/models/x", "models/models%2Fx"),
    ],
)
def test_a_model_name_can_not_leave_its_place_in_the_path(model: str, resource: str) -> None:
    url = Gemini(model, api_key=KEY).encode(request()).url
    assert url == f"https://generativelanguage.googleapis.com/v1beta/{resource}:streamGenerateContent?alt=sse"


@pytest.mark.parametrize("model", ["", "../../admin", "models/../x", "a b", "models/"])
def test_a_name_that_is_none_is_refused(model: str) -> None:
    with pytest.raises(UsageError, match="model is"):
        Gemini(model, api_key=KEY)


def test_a_proxy_may_have_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "https://proxy.example/google/")
    url = Gemini("m", api_key=KEY, api_version="v1").encode(request()).url
    assert url == "https://proxy.example/google/v1/models/m:streamGenerateContent?alt=sse"
    assert Gemini("m", api_key=KEY, base_url="https://other.example").base_url == "https://other.example"


@pytest.mark.parametrize(
    "options", [{"base_url": "https://x.example/v1beta"}, {"base_url": "http://x.example"}, {"api_version": "v1/../x"}]
)
def test_what_can_not_be_an_address_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Gemini("m", api_key=KEY, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("provider", [Gemini, GeminiInteractions])
def test_either_variable_opens_it_and_googles_own_order_decides(
    provider: type[Gemini] | type[GeminiInteractions], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="set GOOGLE_API_KEY or GEMINI_API_KEY or GOOGLE_AI_API_KEY"):
        provider("m")
    for name in ("GOOGLE_AI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, f"key-of-{name}")
        sent = provider("m").encode(request()).headers["x-goog-api-key"]
        assert isinstance(sent, Secret)
        assert sent.reveal() == f"key-of-{name}"


def test_another_variable_can_be_named_and_a_token_stands_for_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "not-this-one")
    with pytest.raises(UsageError, match="set MY_KEY in"):
        Gemini("m", api_key_env="MY_KEY")
    headers = Gemini("m", headers={"Authorization": "Bearer token-0123456789"}).encode(request()).headers
    assert "x-goog-api-key" not in headers


def test_this_machine_needs_no_key() -> None:
    assert "x-goog-api-key" not in Gemini("m", base_url="http://localhost:8000").encode(request()).headers


def test_it_is_found_by_its_name() -> None:
    assert isinstance(from_name("gemini/gemini-2.5-flash", api_key=KEY), Gemini)
    assert isinstance(from_name("gemini-interactions/gemini-2.5-flash", api_key=KEY), GeminiInteractions)


# -- the body ---------------------------------------------------------------------------------------------------------


def test_a_whole_request() -> None:
    asked = InferenceRequest(
        (Message.user("Hi", ImageBlock("image/png", b"\x00\x01")),),
        system=["Be brief.", "  "],
        tools=[LOOK],
        tool_choice="auto",
        max_tokens=100,
        temperature=0.5,
        stop_sequences=["END"],
    )
    assert encode(asked) == {
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}, {"inlineData": {"mimeType": "image/png", "data": "AAE="}}]}
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "look", "description": "Looks.", "parametersJsonSchema": LOOK.input_schema}
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {"maxOutputTokens": 100, "temperature": 0.5, "stopSequences": ["END"]},
    }


def test_a_small_request_holds_nothing_else() -> None:
    assert encode(request()) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_an_image_by_its_address() -> None:
    asked = request(Message.user(ImageBlock("image/jpeg", url="https://x.example/a.jpg")))
    (part,) = encode(asked)["contents"][0]["parts"]
    assert part == {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.example/a.jpg"}}


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (ToolChoice.tool("look"), {"mode": "ANY", "allowedFunctionNames": ["look"]}),
    ],
)
def test_tool_choices(choice: Any, config: dict[str, Any]) -> None:
    body = encode(request(tools=[LOOK], tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": config}


def test_calls_and_results_are_tied_by_name_order_and_given_ids() -> None:
    calls = [ToolCall("given", "look", {"at": "x"}), ToolCall("gemini-call-r-1", "go", {})]
    results = [ToolResult("gemini-call-r-1", "went"), ToolResult("given", "no\n", is_error=True)]
    _, model, user = encode(request(*ASK, Message.assistant(*calls), Message.tool_results(*results)))["contents"]
    assert model["parts"] == [
        {"functionCall": {"id": "given", "name": "look", "args": {"at": "x"}}},
        {"functionCall": {"name": "go", "args": {}}},
    ]
    assert user == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "given", "name": "look", "response": {"error": "no\n"}}},
            {"functionResponse": {"name": "go", "response": {"output": "went"}}},
        ],
    }


def test_turns_of_one_role_are_merged_results_first_then_their_images() -> None:
    shown = ToolResult("c", (TextBlock("see"), ImageBlock("image/png", b"\x01"), TextBlock("!")))
    turns = encode(
        request(*ASK, Message.assistant(ToolCall("c", "look", {})), Message.user("and"), Message.tool_results(shown))
    )["contents"]
    assert [turn["role"] for turn in turns] == ["user", "model", "user"]
    assert turns[2]["parts"] == [
        {"functionResponse": {"id": "c", "name": "look", "response": {"output": "see!"}}},
        {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(b"\x01").decode()}},
        {"text": "and"},
    ]


def test_a_result_without_its_call_is_refused() -> None:
    with pytest.raises(UsageError, match="'c', which is no call of this conversation"):
        encode(request(*ASK, Message.tool_results(ToolResult("c", "x"))))


def test_empty_texts_are_left_out_and_nothing_else() -> None:
    assert parts_of(Message.assistant("", " ")) == [{"text": " "}]
    with pytest.raises(UsageError, match="empty texts only"):
        encode(request(Message.user("")))


def test_more_stop_sequences_than_the_api_takes_are_refused() -> None:
    with pytest.raises(UsageError, match="stop_sequences holds 6; Gemini takes at most 5"):
        encode(request(stop_sequences=list("abcdef")))


# -- signatures -------------------------------------------------------------------------------------------------------

OWN = "gemini/gemini-2.5-flash"


def signed(signature: str = "c2ln", thought: str = "", origin: str = OWN) -> ReasoningBlock:
    return ReasoningBlock(thought, signature, origin=origin)


def test_a_signature_before_a_call_goes_onto_the_call() -> None:
    parts = parts_of(Message.assistant("a", signed("one"), signed("two"), ToolCall("c", "look", {})))
    assert parts == [
        {"text": "a"},
        {"text": "", "thoughtSignature": "one"},
        {"functionCall": {"id": "c", "name": "look", "args": {}}, "thoughtSignature": "two"},
    ]


def test_a_signature_after_text_is_a_part_of_its_own() -> None:
    assert parts_of(Message.assistant("a", signed(), "b")) == [
        {"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}, {"text": "b"},
    ]  # fmt: skip


def test_a_signed_thought_goes_back_as_one_and_others_do_not() -> None:
    parts = parts_of(Message.assistant(ReasoningBlock("mine", origin=OWN), signed("s", "why"), "a"))
    assert parts == [{"text": "why", "thought": True, "thoughtSignature": "s"}, {"text": "a"}]


@pytest.mark.parametrize(
    "origin", ["gemini/gemini-3-pro", "anthropic/claude", "gemini-interactions/gemini-2.5-flash", None]
)
def test_what_another_origin_signed_is_never_sent(origin: str | None) -> None:
    foreign = OpaqueBlock("toolCall", {"toolCall": {}, "thoughtSignature": "s"}, origin or "x")
    block = ReasoningBlock("why", "secret", origin=origin)
    assert parts_of(Message.assistant(block, "a", foreign, block, ToolCall("c", "look", {}))) == [
        {"text": "a"}, {"functionCall": {"id": "c", "name": "look", "args": {}}},
    ]  # fmt: skip


def test_where_a_call_must_be_signed_the_first_says_that_it_is_not() -> None:
    parts = parts_of(
        Message.assistant(ToolCall("a", "look", {}), ToolCall("b", "look", {})), model="gemini-3-flash-preview"
    )
    assert [part.get("thoughtSignature") for part in parts] == [UNSIGNED, None]


def test_server_side_parts_go_back_as_they_came() -> None:
    ran = {"executableCode": {"code": "1"}, "thoughtSignature": "s"}
    assert parts_of(Message.assistant(OpaqueBlock("executableCode", ran, OWN), "a")) == [ran, {"text": "a"}]


def test_an_answer_goes_back_with_each_signature_on_its_part() -> None:
    said = (
        chunk(thought("hm")),
        chunk(text("a"), text("b", "s1")),
        chunk({"executableCode": {"code": "1"}, "thoughtSignature": "s2"}, {"codeExecutionResult": {"output": "1"}}),
        chunk(call("look", "s3", args={"at": "x"}, id="c"), call("go")),
        chunk(text("", "s4"), finish="STOP"),
    )
    provider = Gemini("gemini-3-pro", api_key=KEY)
    accumulator = Accumulator(origin=provider.origin)
    for event in decode(provider.decoder(Limits()), [sse(*said)]):
        accumulator.fold(event)
    assert parts_of(Message.assistant(*accumulator.blocks()), model="gemini-3-pro") == [
        text("ab"),
        text("", "s1"),
        {"executableCode": {"code": "1"}, "thoughtSignature": "s2"},
        {"codeExecutionResult": {"output": "1"}},
        call("look", "s3", args={"at": "x"}, id="c"),
        call("go", args={}),
        text("", "s4"),
    ]


# -- thinking ---------------------------------------------------------------------------------------------------------

SEEN = {"includeThoughts": True}
THINKING: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None]] = {
    "nothing asked": ("gemini-2.5-flash", {}, None),
    "a budget": ("gemini-2.5-flash", {"reasoning_budget_tokens": 2000}, {"thinkingBudget": 2000, **SEEN}),
    "a budget above the most": (
        "gemini-2.5-pro",
        {"reasoning_budget_tokens": 10**6},
        {"thinkingBudget": 32768, **SEEN},
    ),
    "a budget below the least": ("gemini-2.5-pro", {"reasoning_budget_tokens": 1}, {"thinkingBudget": 128, **SEEN}),
    "the model's own": ("gemini-2.5-flash", {"reasoning_budget_tokens": -1}, {"thinkingBudget": -1, **SEEN}),
    "a budget and an effort": (
        "gemini-2.5-flash",
        {"reasoning_budget_tokens": 2000, "reasoning_effort": "high"},
        {"thinkingBudget": 2000, **SEEN},
    ),
    "an effort as a budget": ("gemini-2.5-flash", {"reasoning_effort": "medium"}, {"thinkingBudget": 8192, **SEEN}),
    "the most effort": ("gemini-2.5-pro", {"reasoning_effort": "max"}, {"thinkingBudget": 32768, **SEEN}),
    "none, which can be": ("gemini-2.5-flash-lite", {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
    "none, which can not be": ("gemini-2.5-pro", {"reasoning_effort": "none"}, {"thinkingBudget": 128}),
    "a level": ("gemini-3-flash-preview", {"reasoning_effort": "minimal"}, {"thinkingLevel": "MINIMAL", **SEEN}),
    "a level it does not have": (
        "gemini-3-pro-preview",
        {"reasoning_effort": "medium"},
        {"thinkingLevel": "LOW", **SEEN},
    ),
    "none, by level": ("gemini-3.1-pro-preview", {"reasoning_effort": "none"}, {"thinkingLevel": "LOW"}),
    "a new level": ("gemini-4-argon", {"reasoning_effort": "xhigh"}, {"thinkingLevel": "XHIGH", **SEEN}),
    "a new level to an older": ("gemini-3.8-flash", {"reasoning_effort": "max"}, {"thinkingLevel": "HIGH", **SEEN}),
    "a budget as a level": ("gemini-3.6-flash", {"reasoning_budget_tokens": 9000}, {"thinkingLevel": "MEDIUM", **SEEN}),
    "a word nobody knows": ("gemini-9-ultra", {"reasoning_effort": "turbo"}, {"thinkingLevel": "TURBO", **SEEN}),
    "a model that does not think": ("gemini-2.0-flash", {"reasoning_effort": "high"}, None),
    "the caller's own": (
        "gemini-3-pro",
        {"reasoning_effort": "low", "extra": {"generationConfig": {"thinkingConfig": {"thinkingBudget": 5}}}},
        {"thinkingBudget": 5},
    ),
}


@pytest.mark.parametrize("name", THINKING)
def test_thinking_is_asked_for_as_the_generation_takes_it(name: str) -> None:
    model, fields, config = THINKING[name]
    assert encode(request(**fields), model).get("generationConfig", {}).get("thinkingConfig") == config


# -- extra ------------------------------------------------------------------------------------------------------------


def test_extra_is_merged_deep() -> None:
    extra = {"generationConfig": {"topP": 0.9, "temperature": 1}, "safetySettings": [], "serviceTier": "flex"}
    body = encode(request(max_tokens=5, temperature=0.1, extra=extra))
    assert body["generationConfig"] == {"maxOutputTokens": 5, "temperature": 1, "topP": 0.9}
    assert (body["safetySettings"], body["serviceTier"]) == ([], "flex")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"generationConfig": {"candidateCount": 2}}, "candidateCount=2; expected one answer"),
        ({"generation_config": {}}, "'generation_config'; expected the API's JSON names"),
        ({"generationConfig": {"response_mime_type": "x"}}, "'response_mime_type'"),
    ],
)
def test_what_would_not_be_one_answer_is_refused(extra: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        encode(request(extra=extra))


def test_one_candidate_may_be_asked_for() -> None:
    assert encode(request(extra={"generationConfig": {"candidateCount": 1}}))["generationConfig"]["candidateCount"] == 1


# -- continuation -----------------------------------------------------------------------------------------------------

PREFILLED = """
    gemini-1.5-pro gemini-2.0-flash gemini-2.5-flash gemini-2.5-pro gemini-2.5-flash-lite gemini-3-pro-preview
    gemini-3-flash-preview gemini-3.1-pro-preview gemini-3.1-flash-lite gemini-3.5-flash models/gemini-3.5-flash-001
"""
NOT_PREFILLED = """
    gemini-3.5-flash-lite gemini-3.5-transcribe gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash gemini-4-argon
    gemini-flash-latest gemini-pro-latest gemini-robotics-er-1.6-preview gemma-3-27b-it gemma-4-31b-it stranger
"""


@pytest.mark.parametrize("model", [*PREFILLED.split(), *NOT_PREFILLED.split()])
def test_a_model_is_prefilled_only_where_it_is_known_to_take_it(model: str) -> None:
    forms = Gemini(model, api_key=KEY).capabilities(request(reasoning_effort="high")).forms
    first = ContinuationForm.PREFILL if model in PREFILLED.split() else ContinuationForm.QUOTE
    assert (forms[0], forms[-1]) == (first, ContinuationForm.QUOTE)


@pytest.mark.parametrize(("model", "role"), [("gemini-2.5-flash", "model"), ("gemini-3.6-flash", "user")])
def test_the_next_request_ends_as_the_model_wants_it(model: str, role: str) -> None:
    provider, asked = Gemini(model, api_key=KEY), request(max_tokens=100)
    snapshot = InterruptSnapshot("The answer is ", blocks=(TextBlock("The answer is "),), output_tokens=4)
    step = next_request(asked, snapshot, ContinueText(snapshot.text), provider.capabilities(asked))
    assert isinstance(step, NextRequest)
    body = json.loads(provider.encode(step.request, step.form).body)
    assert [turn["role"] for turn in body["contents"]] == ["user", "model", "user"][: 3 if role == "user" else 2]
    assert body["contents"][1]["parts"] == [{"text": "The answer is "}]
    assert body["generationConfig"] == {"maxOutputTokens": 96}


@pytest.mark.parametrize(
    "fields",
    [
        {"extra": {"generationConfig": {"responseMimeType": "application/json"}}},
        {"extra": {"generationConfig": {"responseMimeType": "text/x.enum"}}},
        {"extra": {"generationConfig": {"responseJsonSchema": {"type": "object"}}}},
        {"extra": {"generationConfig": {"responseSchema": {"type": "OBJECT"}}}},
        {"extra": {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}},
        {"tools": [LOOK], "tool_choice": "required"},
    ],
)
def test_what_can_only_be_had_whole_says_so(fields: dict[str, Any]) -> None:
    assert Gemini("gemini-2.5-flash", api_key=KEY).capabilities(request(**fields)).whole_only


def test_plain_text_may_be_continued() -> None:
    extra = {"generationConfig": {"responseMimeType": "text/plain"}}
    assert Gemini("gemini-2.5-flash", api_key=KEY).capabilities(request(extra=extra)).whole_only is None


@pytest.mark.parametrize("form", [ContinuationForm.NATIVE, ContinuationForm.CURSOR])
def test_a_form_it_does_not_have_is_refused(form: ContinuationForm) -> None:
    with pytest.raises(UsageError, match=form.value):
        Gemini("m", api_key=KEY).encode(request(), form)


def test_the_caller_may_know_better() -> None:
    own = Capabilities(forms=(ContinuationForm.QUOTE,))
    assert Gemini("gemini-2.5-flash", api_key=KEY, capabilities=own).capabilities(request()) == own


def test_the_caller_may_know_the_model_better() -> None:
    forms = Gemini("stranger", api_key=KEY, facts=GeminiFacts(prefill=True)).capabilities(request()).forms
    assert forms == (ContinuationForm.PREFILL, ContinuationForm.QUOTE)


def test_models_that_think_are_waited_for() -> None:
    assert gemini_facts("gemini-2.5-flash").reasons
    assert not gemini_facts("gemini-2.5-flash-lite").reasons
    assert not Gemini("gemini-2.0-flash", api_key=KEY).capabilities(request()).reasons
    lite = Gemini("gemini-2.5-flash-lite", api_key=KEY)
    assert lite.capabilities(request(reasoning_budget_tokens=600)).reasons


def test_a_refused_prefill_is_a_refused_form() -> None:
    message = "Requests ending with a model turn are not supported unless the last part is a function response."
    body = json.dumps({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}).encode()
    failure = Gemini("m", api_key=KEY).classify(ErrorResponse(400, {}, body), now_unix_s=0)
    assert failure.kind.value == "continuation_refused"
    assert "/v1beta/models/m:streamGenerateContent HTTP 400" in failure.message
