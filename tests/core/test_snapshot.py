"""Snapshots built from partial calls: what is complete and what is still in flight."""

from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError

from riverrun.engine.core.messages import OpaqueBlock, ToolCall
from riverrun.engine.core.snapshot import InFlightTool, InterruptSnapshot


def test_a_named_call_whose_arguments_are_an_object_is_complete() -> None:
    snapshot = InterruptSnapshot.from_partials("said", [("1", "look", '{"a": [1]}'), ("2", "go", '{"to"')], 12)
    assert snapshot.completed_tool_calls == (ToolCall("1", "look", {"a": [1]}),)
    assert snapshot.in_flight_tools == (InFlightTool("2", "go", '{"to"'),)
    assert (snapshot.text, snapshot.bytes_received) == ("said", 12)


@pytest.mark.parametrize("arguments", ["", " ", "null", "[]", '"x"', "{", '{"a":1}}', '{"a":1,"a":2}', '{"a":NaN}'])
def test_a_call_whose_arguments_are_no_whole_object_is_in_flight(arguments: str) -> None:
    snapshot = InterruptSnapshot.from_partials(None, [("1", "look", arguments)], 0)
    assert snapshot.in_flight_tools == (InFlightTool("1", "look", arguments),)
    assert (snapshot.completed_tool_calls, snapshot.text) == ((), "")


def test_a_call_without_a_name_is_in_flight_whatever_its_arguments() -> None:
    snapshot = InterruptSnapshot.from_partials("", [("1", "", "{}")], 0)
    assert snapshot.in_flight_tools == (InFlightTool("1", "", "{}"),)


def test_the_order_of_the_calls_is_kept() -> None:
    partials = [("3", "c", "{}"), ("1", "a", ""), ("2", "b", "{}"), ("4", "d", "{")]
    snapshot = InterruptSnapshot.from_partials("", partials, 0)
    assert [call.id for call in snapshot.completed_tool_calls] == ["3", "2"]
    assert [call.id for call in snapshot.in_flight_tools] == ["1", "4"]


@pytest.mark.parametrize(
    ("snapshot", "shown"),
    [
        (InterruptSnapshot(), False),
        (InterruptSnapshot(bytes_received=9, cursor="7", output_tokens=3), False),
        (InterruptSnapshot(text="t"), True),
        (InterruptSnapshot(reasoning="t"), True),
        (InterruptSnapshot(in_flight_tools=(InFlightTool("1", "t"),)), True),
        (InterruptSnapshot(completed_tool_calls=(ToolCall("1", "t", {}),)), True),
        (InterruptSnapshot(blocks=(OpaqueBlock("search", {}, "x/y"),)), True),
    ],
)
def test_something_was_shown_if_a_restart_would_have_to_take_it_back(snapshot: InterruptSnapshot, shown: bool) -> None:
    assert snapshot.anything_shown is shown


def test_a_snapshot_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        InterruptSnapshot().text = "other"  # type: ignore[misc]
