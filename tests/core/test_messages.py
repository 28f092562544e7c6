"""Messages and requests: what is accepted, what it becomes, and what is refused with a message that helps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from riverrun.engine.core.json_value import canonical_json
from riverrun.engine.core.messages import (
    ImageBlock,
    Message,
    OpaqueBlock,
    ReasoningBlock,
    Role,
    TextBlock,
    Tool,
    ToolCall,
    ToolResult,
)
from riverrun.engine.core.request import InferenceRequest, ToolChoice, ToolChoiceMode
from riverrun.engine.core.result import StreamResult
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.usage_error import UsageError

ASK = Message.user("Why?")
LOOK, GO = Tool("look", "", {"type": "object"}), Tool("go", "", {"type": "object"})


def test_a_turn_of_the_user_s_takes_texts_images_and_results_in_their_order() -> None:
    image, answer = ImageBlock(url="https://x.test/a.png"), ToolResult("1", "sunny")
    message = Message.user("a", image, TextBlock("b"), answer)
    assert message == Message(Role.USER, (TextBlock("a"), image, TextBlock("b"), answer))


def test_a_turn_of_the_model_s_takes_the_blocks_of_an_answer_as_they_are() -> None:
    blocks = (ReasoningBlock("hm"), TextBlock("a"), ToolCall("1", "look", {}), OpaqueBlock("search", {}, "p/m"))
    assert Message.assistant(*blocks).content == blocks
    assert StreamResult(blocks=blocks).to_message() == Message.assistant(*blocks)


def test_all_results_of_a_turn_are_one_message_of_the_user_s() -> None:
    results = (ToolResult("1", "a"), ToolResult("2", (TextBlock("b"),), is_error=True))
    assert Message.tool_results(*results) == Message(Role.USER, results)


def test_the_text_of_a_message_or_result_is_its_text_blocks_joined() -> None:
    blocks = (ReasoningBlock("hm"), TextBlock("a"), ToolCall("1", "look", {}), TextBlock("b"))
    assert Message.assistant(*blocks).text == StreamResult(blocks=blocks).text == "ab"


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_result_is_partial_if_the_run_was_cancelled_or_paused(reason: StopReason) -> None:
    assert StreamResult(stop_reason=reason).is_partial is (reason.value in ("cancelled", "paused"))


@pytest.mark.parametrize("make", [ImageBlock, lambda: ImageBlock(data=b"x", url="https://x.test")])
def test_an_image_is_bytes_or_a_url_and_not_both(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match="exactly one of data"):
        make()


def test_the_repr_of_an_image_holds_its_size_and_not_its_bytes() -> None:
    assert "<3 bytes>" in repr(ImageBlock(data=b"abc"))
    assert "abc" not in repr(ImageBlock(data=b"abc"))


def test_messages_and_requests_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ASK.role = Role.ASSISTANT  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        InferenceRequest(ASK).max_tokens = 1  # type: ignore[misc]


# -- requests ---------------------------------------------------------------------------------------------------------


def test_one_message_one_system_text_and_one_stop_sequence_need_no_list() -> None:
    short = InferenceRequest(ASK, system="s", stop_sequences="END")
    assert short == InferenceRequest([ASK], system=[TextBlock("s")], stop_sequences=["END"])
    assert InferenceRequest([ASK], system=["a", TextBlock("b")]).system == (TextBlock("a"), TextBlock("b"))


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (lambda: InferenceRequest([]), "messages is empty"),
        (lambda: InferenceRequest(cast("Any", "Hello")), r"messages\[0\] is a str; expected a Message"),
        (lambda: InferenceRequest([ASK, cast("Any", {"role": "user"})]), r"messages\[1\] is a dict"),
        (lambda: InferenceRequest([ASK, Message.user()]), r"messages\[1\] has no content"),
        (lambda: InferenceRequest(Message.tool_results()), r"messages\[0\] has no content"),
        (lambda: InferenceRequest(ASK, max_tokens=0), "max_tokens is 0; expected at least 1"),
        (lambda: InferenceRequest(ASK, max_tokens=-5), "max_tokens is -5"),
        (lambda: InferenceRequest(ASK, tools=[LOOK, GO, LOOK]), "tools holds a name twice"),
        (lambda: InferenceRequest(ASK, tool_choice="required"), "tools is empty"),
        (lambda: InferenceRequest(ASK, tool_choice=ToolChoice.tool("look")), "tools is empty"),
        (lambda: InferenceRequest(ASK, tools=[GO], tool_choice=ToolChoice.tool("look")), "'look', which is not among"),
        (lambda: InferenceRequest(ASK, tools=[GO], tool_choice="go"), "tool_choice is 'go'"),
        (lambda: InferenceRequest(ASK, tools=[GO], tool_choice="tool"), "tool_choice is 'tool'"),
        (lambda: evolve(InferenceRequest(ASK), messages=()), "messages is empty"),
        (lambda: StreamResult().to_message(), "the answer is empty"),
        (lambda: InferenceRequest(cast("Any", 5)), "messages is 5; expected Messages"),
        *(
            (partial(InferenceRequest, ASK, **{name: value}), seen)
            for name, value, seen in (
                ("system", None, "system is None; expected text"),
                ("system", ["a", 5], r"system\[1\] is 5; expected text"),
                ("tools", ["a"], r"tools\[0\] is 'a'; expected a Tool"),
                ("tools", None, "tools is None; expected a list of Tools"),
                ("tool_choice", 5, "tool_choice is 5; expected 'auto'"),
                ("max_tokens", "5", "max_tokens is '5'; expected a whole number"),
                ("max_tokens", True, "max_tokens is True; expected a whole number"),
                ("temperature", "hot", "temperature is 'hot'; expected a finite number"),
                ("temperature", float("nan"), "temperature is nan; expected a finite number"),
                ("stop_sequences", [5], r"stop_sequences\[0\] is 5; expected text"),
                ("reasoning_effort", 3, "reasoning_effort is 3; expected the provider's word"),
                ("reasoning_budget_tokens", 1.5, "reasoning_budget_tokens is 1.5; expected a whole number"),
                ("prompt_cache", "yes", "prompt_cache is 'yes'; expected True or False"),
                ("extra", ["a"], "extra is a list; expected fields"),
            )
        ),
    ],
)
def test_a_request_that_can_not_work_is_refused_when_it_is_made(make: Callable[[], object], seen: str) -> None:
    with pytest.raises(UsageError, match=seen):
        make()


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (lambda: Message.user(cast("Any", 5)), r"content\[0\] is 5; expected text or a block"),
        (lambda: Message.user("a", cast("Any", {"type": "text"})), r"content\[1\] is a dict; expected text or a block"),
        (lambda: Message(Role.USER, cast("Any", None)), "content is None; expected text or a block"),
        (lambda: Message(cast("Any", "system"), ("a",)), "role is 'system'; expected 'user' or 'assistant'"),
        (lambda: TextBlock(cast("Any", 5)), "text is 5; expected text"),
        (lambda: ToolCall("1", "look", cast("Any", "{}")), "arguments is '{}'; expected a JSON object"),
        (lambda: ToolResult("1", cast("Any", 5)), "content is 5; expected text, or blocks"),
        (lambda: ToolResult("1", cast("Any", {"a": 1})), "content is a dict; expected text, or blocks"),
        (lambda: ToolResult("1", cast("Any", ["a"])), r"content\[0\] is 'a'; expected text, or blocks"),
        (lambda: ToolResult(cast("Any", 1), "a"), "tool_call_id is 1; expected the id"),
        (lambda: Tool("look", "", cast("Any", 5)), "input_schema is 5; expected a JSON schema"),
        (lambda: Tool("look", cast("Any", None), {}), "description is None; expected a sentence"),
        (lambda: Tool(cast("Any", LOOK), "", {}), "name is a Tool; expected the tool's name"),
    ],
)
def test_a_part_of_a_message_that_is_none_is_refused_when_it_is_made(make: Callable[[], object], seen: str) -> None:
    with pytest.raises(UsageError, match=seen):
        make()


def test_what_is_the_same_in_other_clothes_is_taken() -> None:
    assert Message(cast("Any", "user"), cast("Any", ["a"])) == Message(Role.USER, (TextBlock("a"),))
    assert ToolResult("1", cast("Any", [TextBlock("a")])).content == (TextBlock("a"),)
    assert InferenceRequest(ASK, tools=cast("Any", LOOK)).tools == (LOOK,)


@pytest.mark.parametrize(
    ("given_choice", "mode", "is_forced"),
    [
        ("auto", ToolChoiceMode.AUTO, False),
        ("none", ToolChoiceMode.NONE, False),
        ("required", ToolChoiceMode.REQUIRED, True),
        (ToolChoice.tool("go"), ToolChoiceMode.TOOL, True),
    ],
)
def test_a_tool_choice_is_a_word_or_a_forced_tool(
    given_choice: str | ToolChoice, mode: ToolChoiceMode, is_forced: bool
) -> None:
    choice = InferenceRequest(ASK, tools=[LOOK, GO], tool_choice=given_choice).tool_choice
    assert choice is not None
    assert (choice.mode, choice.is_forced) == (mode, is_forced)


@pytest.mark.parametrize("given_choice", ["auto", "none", None])
def test_without_tools_a_choice_that_forces_nothing_is_fine(given_choice: str | None) -> None:
    assert InferenceRequest(ASK, tool_choice=given_choice).tools == ()


def test_requests_that_ask_the_same_are_equal_however_they_were_given() -> None:
    assert InferenceRequest(ASK, tools=[LOOK], extra={"a": 1}) == InferenceRequest(
        (ASK,), tools=(LOOK,), extra={"a": 1}
    )
    assert InferenceRequest(ASK) != InferenceRequest(ASK, prompt_cache=True)


def test_canonical_json_is_the_same_for_equal_values_and_is_ascii() -> None:
    assert canonical_json({"b": 1, "a": ["é", "\ud800", None]}) == '{"a":["\\u00e9","\\ud800",null],"b":1}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("inf"))
