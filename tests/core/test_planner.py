"""The planner's table, row by row."""

from __future__ import annotations

import pytest

from riverrun.engine.core.capabilities import Capabilities
from riverrun.engine.core.messages import OpaqueBlock, ToolCall
from riverrun.engine.core.planner import (
    ContinueText,
    Reattach,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
    plan_recovery,
)
from riverrun.engine.core.snapshot import InFlightTool, InterruptSnapshot

DONE = (ToolCall("1", "look", {"a": 1}), ToolCall("2", "look", {}))
FLYING = (InFlightTool("3", "go", '{"to'), InFlightTool("4", "", ""))


@pytest.mark.parametrize(
    ("snapshot", "plan"),
    [
        (InterruptSnapshot(), WholeRestart()),
        (InterruptSnapshot(reasoning="hm"), WholeRestart()),
        (InterruptSnapshot(in_flight_tools=FLYING), WholeRestart(FLYING)),
        (InterruptSnapshot(text="said"), ContinueText("said")),
        (InterruptSnapshot(text=" "), ContinueText(" ")),
        (InterruptSnapshot(text="said", reasoning="hm"), ContinueText("said")),
        (InterruptSnapshot(text="said", in_flight_tools=FLYING), TruncateBeforeTool("said", FLYING)),
        (InterruptSnapshot(completed_tool_calls=DONE), SynthesizeToolUse(DONE)),
        (InterruptSnapshot(text="said", completed_tool_calls=DONE), SynthesizeToolUse(DONE)),
        (
            InterruptSnapshot(text="said", completed_tool_calls=DONE, in_flight_tools=FLYING),
            SynthesizeToolUse(DONE, FLYING),
        ),
        (InterruptSnapshot(text="said", cursor="7"), ContinueText("said")),
    ],
)
def test_the_first_row_that_fits_is_the_plan(snapshot: InterruptSnapshot, plan: RecoveryPlan) -> None:
    assert plan_recovery(snapshot) == plan
    assert plan_recovery(snapshot, Capabilities()) == plan


@pytest.mark.parametrize(
    "snapshot",
    [
        InterruptSnapshot(cursor="7"),
        InterruptSnapshot(cursor="7", text="said", in_flight_tools=FLYING),
        InterruptSnapshot(cursor="7", completed_tool_calls=DONE),
        InterruptSnapshot(cursor="", text="said"),
    ],
)
def test_a_cursor_comes_first_where_the_provider_can_reattach(snapshot: InterruptSnapshot) -> None:
    assert plan_recovery(snapshot, Capabilities(can_reattach=True)) == Reattach(snapshot.cursor or "")


def test_a_provider_that_can_reattach_still_needs_a_cursor() -> None:
    assert plan_recovery(InterruptSnapshot(text="said"), Capabilities(can_reattach=True)) == ContinueText("said")


def test_what_a_server_side_tool_left_behind_is_gone_on_from_and_a_compaction_is_not() -> None:
    search, summary = (OpaqueBlock(kind, {}, "x/y") for kind in ("search", "compaction"))
    assert plan_recovery(InterruptSnapshot(blocks=(search,))) == ContinueText("")
    assert plan_recovery(InterruptSnapshot(blocks=(search,), in_flight_tools=FLYING)) == TruncateBeforeTool("", FLYING)
    assert plan_recovery(InterruptSnapshot(blocks=(summary,))) == WholeRestart()
