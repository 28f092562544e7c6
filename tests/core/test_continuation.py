"""The continuation ladder, rule by rule: which request follows an interruption, to the letter."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.continuation import QUOTE_CHARS_MAX, CannotContinue, NextRequest, next_request
from riverrun.engine.core.messages import AnswerBlock, Message, OpaqueBlock, ReasoningBlock, TextBlock, Tool, ToolCall
from riverrun.engine.core.planner import (
    ContinueText,
    Reattach,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
)
from riverrun.engine.core.request import InferenceRequest, ToolChoice
from riverrun.engine.core.snapshot import InFlightTool, InterruptSnapshot

NATIVE, PREFILL, QUOTE = ContinuationForm.NATIVE, ContinuationForm.PREFILL, ContinuationForm.QUOTE
RESTART, CURSOR = ContinuationForm.RESTART, ContinuationForm.CURSOR
ASKED = InferenceRequest([Message.user("Why?")], system="Be brief.", temperature=0.5, stop_sequences=["END"])
STRICT = Capabilities(forms=(PREFILL, QUOTE), prefix_trailing_space=False)
SEARCH = OpaqueBlock("search_result", {"hits": 2}, "scripted/m-1")
SIGNED = ReasoningBlock("hm", signature="s", origin="scripted/m-1")


def holding(*blocks: AnswerBlock, **more: object) -> InterruptSnapshot:
    """What a run holds that said these blocks."""
    text = "".join(block.text for block in blocks if isinstance(block, TextBlock))
    return InterruptSnapshot(text=text, blocks=blocks, **more)  # type: ignore[arg-type]


def follow(
    *blocks: AnswerBlock,
    request: InferenceRequest = ASKED,
    capabilities: Capabilities = STRICT,
    **more: object,
) -> NextRequest:
    """The request that continues the text of these blocks."""
    snapshot = holding(*blocks, **more)
    step = next_request(request, snapshot, ContinueText(snapshot.text), capabilities)
    assert isinstance(step, NextRequest)
    return step


def refused(step: object) -> str:
    assert isinstance(step, CannotContinue)
    return step.reason


# -- the ladder -------------------------------------------------------------------------------------------------------


def test_a_prefill_is_the_request_and_a_last_turn_of_the_model_s() -> None:
    assert follow(TextBlock("Because")) == NextRequest(
        evolve(ASKED, messages=(*ASKED.messages, Message.assistant("Because"))), PREFILL, said="Because"
    )


@pytest.mark.parametrize(
    ("forms", "chosen"),
    [
        ((NATIVE, PREFILL, QUOTE), NATIVE),
        ((PREFILL, QUOTE), PREFILL),
        ((QUOTE,), QUOTE),
        ((CURSOR, RESTART, QUOTE), QUOTE),
        ((CURSOR, RESTART), RESTART),
        ((), RESTART),
    ],
)
def test_the_first_form_that_the_provider_declares_is_taken(
    forms: tuple[ContinuationForm, ...], chosen: ContinuationForm
) -> None:
    assert follow(TextBlock("a"), capabilities=Capabilities(forms=forms)).form is chosen


def test_a_refused_form_gives_way_to_the_next() -> None:
    capabilities = Capabilities(forms=(NATIVE, PREFILL, QUOTE))
    assert follow(TextBlock("a"), capabilities=capabilities.without(NATIVE)).form is PREFILL
    assert follow(TextBlock("a"), capabilities=capabilities.without(NATIVE).without(PREFILL)).form is QUOTE


def test_a_quote_is_the_text_in_the_model_s_turn_and_a_turn_of_the_user_s_that_holds_its_end() -> None:
    text = "".join(f"word{i} " for i in range(200))
    step = follow(TextBlock(text), capabilities=Capabilities(forms=(QUOTE,), prefix_trailing_space=False))
    assert (step.form, step.said, step.trimmed, step.searches) == (QUOTE, text, "", True)
    assert step.request.messages[:-1] == (*ASKED.messages, Message.assistant(text))
    assert f"<tail>{text[-QUOTE_CHARS_MAX:]}</tail>" in step.request.messages[-1].text
    assert text[-QUOTE_CHARS_MAX - 1 :] not in step.request.messages[-1].text


def test_a_short_text_is_quoted_whole() -> None:
    step = follow(TextBlock("Be\n"), capabilities=Capabilities())
    assert "<tail>Be\n</tail>" in step.request.messages[-1].text


@pytest.mark.parametrize(("echoes", "form", "searches"), [(True, PREFILL, True), (False, PREFILL, False)])
def test_the_seam_looks_for_an_echo_of_a_prefix_only_where_the_provider_may_echo(
    echoes: bool, form: ContinuationForm, searches: bool
) -> None:
    assert follow(TextBlock("a"), capabilities=evolve(STRICT, echoes=echoes)).searches is searches


def test_truncating_before_a_tool_asks_what_continuing_the_text_asks() -> None:
    flying = (InFlightTool("1", "look", '{"a'),)
    snapshot = holding(TextBlock("Because"), in_flight_tools=flying)
    step = next_request(ASKED, snapshot, TruncateBeforeTool("Because", flying), STRICT)
    assert step == follow(TextBlock("Because"))


def test_reattaching_asks_the_same_with_the_cursor() -> None:
    step = next_request(ASKED, holding(cursor="7"), Reattach("7"), STRICT)
    assert step == NextRequest(ASKED, CURSOR, cursor="7")


def test_a_restart_asks_the_original_request_again() -> None:
    step = next_request(ASKED, holding(ReasoningBlock("hm")), WholeRestart(), STRICT)
    assert step == NextRequest(ASKED, RESTART)


def test_completed_calls_leave_nothing_to_ask() -> None:
    call = ToolCall("1", "look", {})
    assert "nothing to ask" in refused(next_request(ASKED, holding(call), SynthesizeToolUse((call,)), STRICT))


# -- what can only be had whole ---------------------------------------------------------------------------------------


def test_what_can_only_be_had_whole_restarts_with_its_ceilings_as_asked() -> None:
    request = evolve(ASKED, max_tokens=100)
    whole = Capabilities(forms=(PREFILL,), whole_only="JSON mode")
    assert follow(TextBlock('{"a":'), request=request, capabilities=whole) == NextRequest(request, RESTART)


@pytest.mark.parametrize("text", [" ", "\n\t", "\u00a0\u2003"])
def test_a_prefix_of_nothing_but_white_space_restarts(text: str) -> None:
    assert follow(TextBlock(text)) == NextRequest(ASKED, RESTART)


# -- white space at the end -------------------------------------------------------------------------------------------


def test_white_space_at_the_end_is_left_off_where_the_provider_refuses_it() -> None:
    step = follow(TextBlock("Because \n"))
    assert (step.said, step.trimmed) == ("Because", " \n")
    assert step.request.messages[-1] == Message.assistant("Because")


def test_white_space_at_the_end_stays_where_the_provider_takes_it() -> None:
    step = follow(TextBlock("Because \n"), capabilities=Capabilities(forms=(PREFILL,)))
    assert (step.said, step.trimmed) == ("Because \n", "")


spaced = st.lists(st.sampled_from(["a", "漢字", " ", "\n", "\u00a0"]), min_size=1).map("".join)


@given(st.lists(st.one_of(spaced.map(TextBlock), st.just(SEARCH), st.just(SIGNED)), min_size=1))
def test_what_is_told_and_what_is_trimmed_are_together_what_was_said(blocks: list[AnswerBlock]) -> None:
    snapshot = holding(*blocks)
    step = next_request(ASKED, snapshot, ContinueText(snapshot.text), STRICT)
    last_search = max((place for place, block in enumerate(blocks) if block == SEARCH), default=-1)
    if not isinstance(step, NextRequest) or step.form is RESTART:
        assert not snapshot.text.strip()
        assert last_search < 0
        return
    turn = step.request.messages[-1]
    assert (turn.text, turn.text + step.trimmed) == (step.said, snapshot.text)
    handed_back = [block for block in turn.content if not isinstance(block, TextBlock)]
    assert handed_back == [block for block in blocks[: last_search + 1] if not isinstance(block, TextBlock)]
    last = turn.content[-1]
    assert not isinstance(last, TextBlock) or last.text == last.text.rstrip() != ""


# -- what is handed back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [NATIVE, PREFILL, QUOTE])
def test_reasoning_that_led_to_no_server_side_work_is_never_handed_back(form: ContinuationForm) -> None:
    step = follow(SIGNED, TextBlock("Be"), SIGNED, TextBlock("cause"), capabilities=Capabilities(forms=(form,)))
    assert step.request.messages[1] == Message.assistant("Because")


def test_finished_server_side_work_is_handed_back_between_the_texts_with_what_led_to_it() -> None:
    step = follow(TextBlock("Let me see. "), SEARCH, TextBlock("Found "), SIGNED, SEARCH, TextBlock("two "))
    turn = (TextBlock("Let me see. "), SEARCH, TextBlock("Found "), SIGNED, SEARCH, TextBlock("two"))
    assert step.request.messages[-1] == Message.assistant(*turn)
    assert (step.said, step.trimmed) == ("Let me see. Found two", " ")


def test_neighbouring_texts_are_joined_so_that_white_space_between_them_is_not_a_block() -> None:
    step = follow(SEARCH, TextBlock("one"), TextBlock("\n\n"), TextBlock("two"))
    assert step.request.messages[-1] == Message.assistant(SEARCH, "one\n\ntwo")


def test_a_text_that_is_white_space_only_goes_from_the_end_and_is_remembered() -> None:
    step = follow(TextBlock("one "), SEARCH, TextBlock("\n"))
    assert step.request.messages[-1] == Message.assistant("one ", SEARCH)
    assert (step.said, step.trimmed) == ("one ", "\n")


def test_where_server_side_work_stands_last_nothing_is_trimmed() -> None:
    step = follow(TextBlock("one\n"), SEARCH)
    assert step.request.messages[-1] == Message.assistant("one\n", SEARCH)
    assert (step.said, step.trimmed) == ("one\n", "")


def test_a_prefix_that_is_not_what_the_blocks_say_is_told_as_it_is() -> None:
    snapshot = holding(TextBlock("Because "), SEARCH)
    step = next_request(ASKED, snapshot, ContinueText("Bec"), STRICT)
    assert isinstance(step, NextRequest)
    assert step.request.messages[-1] == Message.assistant("Bec")


@pytest.mark.parametrize("form", [PREFILL, QUOTE])
def test_where_the_request_ends_with_a_turn_of_the_model_s_what_was_said_joins_it(form: ContinuationForm) -> None:
    asked = evolve(ASKED, messages=(*ASKED.messages, Message.assistant("Listen: ")))
    step = follow(TextBlock("Because"), request=asked, capabilities=Capabilities(forms=(form,)))
    assert step.request.messages[:2] == (ASKED.messages[0], Message.assistant("Listen: ", "Because"))
    assert len(step.request.messages) == (3 if form is QUOTE else 2)
    assert step.said == "Because"


# -- server-side tools ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [ContinueText("Because"), WholeRestart(), TruncateBeforeTool("Because", ())])
def test_a_server_side_tool_in_flight_is_refused_by_name(plan: RecoveryPlan) -> None:
    snapshot = holding(TextBlock("Because"), server_tool_in_flight="web_search")
    assert "web_search" in refused(next_request(ASKED, snapshot, plan, STRICT))


@pytest.mark.parametrize("text", ["", "\n"])
@pytest.mark.parametrize("form", [NATIVE, PREFILL, QUOTE])
def test_finished_server_side_work_without_a_text_is_handed_back_by_any_form(form: ContinuationForm, text: str) -> None:
    half = ReasoningBlock("So", origin="scripted/m-1")
    blocks = (SIGNED, SEARCH, *([TextBlock(text)] if text else []), half)
    step = follow(*blocks, capabilities=evolve(STRICT, forms=(form,)))
    kept = (SIGNED, SEARCH, *([TextBlock(text)] if text and form is QUOTE else []))
    assert (step.form, step.request.messages[1]) == (form, Message.assistant(*kept))
    assert step.said + step.trimmed == text


def test_a_user_turn_that_hands_work_back_says_so_and_quotes_nothing() -> None:
    asked = follow(SEARCH, capabilities=Capabilities()).request.messages[-1]
    assert "do not ask them the same again" in asked.text
    assert "<tail>" not in asked.text


WHOLE_JSON = evolve(STRICT, whole_only="JSON mode")


@pytest.mark.parametrize(
    ("plan", "capabilities", "seen"),
    [
        (WholeRestart(), STRICT, "its work can not be handed back here"),
        (ContinueText(""), Capabilities(forms=()), "its work can not be handed back here"),
        (ContinueText(""), WHOLE_JSON, "its work can not be handed back: JSON mode"),
    ],
)
def test_finished_server_side_work_that_can_not_be_handed_back_is_not_run_again(
    plan: RecoveryPlan, capabilities: Capabilities, seen: str
) -> None:
    why = refused(next_request(ASKED, holding(SEARCH), plan, capabilities))
    assert f"a server-side tool (search_result) has run, and {seen}; asking again would run it twice" in why


def test_work_without_a_text_is_handed_back_to_the_model_it_ran_for_and_to_no_other() -> None:
    held = holding(SEARCH)
    assert isinstance(next_request(ASKED, held, ContinueText(""), STRICT, origin="scripted/m-1"), NextRequest)
    why = refused(next_request(ASKED, held, ContinueText(""), STRICT, origin="scripted/m-2"))
    assert why == "a server-side tool (search_result) ran at scripted/m-1; scripted/m-2 can not go on"


def test_a_compaction_is_no_work_and_is_asked_for_again() -> None:
    inert = OpaqueBlock("compaction", {}, "scripted/m-1")
    assert next_request(ASKED, holding(inert), WholeRestart(), STRICT) == NextRequest(ASKED, RESTART)


# -- ceilings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_tokens", "emitted", "left"),
    [(100, 30, 70), (100, 99, 1), (100, 100, 1), (100, 5000, 1), (None, 30, None), (100, None, 98)],
)
def test_the_ceiling_shrinks_by_what_was_emitted_and_never_below_one(
    max_tokens: int | None, emitted: int | None, left: int | None
) -> None:
    request = evolve(ASKED, max_tokens=max_tokens)
    assert follow(TextBlock("Because"), request=request, output_tokens=emitted).request.max_tokens == left


@pytest.mark.parametrize(("budget", "kept"), [(69, 69), (70, None), (90, None), (None, None)])
def test_a_thinking_budget_that_no_longer_fits_is_dropped(budget: int | None, kept: int | None) -> None:
    request = evolve(ASKED, max_tokens=100, reasoning_budget_tokens=budget)
    step = follow(TextBlock("Because"), request=request, output_tokens=30)
    assert step.request.reasoning_budget_tokens == kept


@given(st.integers(1, 1000), st.one_of(st.none(), st.integers(0, 2**63)), spaced, st.sampled_from([PREFILL, QUOTE]))
def test_a_continuation_is_always_a_valid_request_that_changes_nothing_else(
    max_tokens: int, emitted: int | None, text: str, form: ContinuationForm
) -> None:
    tool = Tool("look", "", {})
    request = evolve(
        ASKED, max_tokens=max_tokens, tools=(tool,), tool_choice=ToolChoice.tool("look"), prompt_cache=True
    )
    capabilities = Capabilities(forms=(form,))
    asked = follow(TextBlock(text), request=request, capabilities=capabilities, output_tokens=emitted).request
    assert evolve(asked, messages=request.messages, max_tokens=max_tokens) == request
    assert asked.messages[0] == request.messages[0]
    assert asked.max_tokens is not None
    assert 1 <= asked.max_tokens <= max_tokens
