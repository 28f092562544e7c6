"""The grammar of a run's events: a closed table, and the one that the documentation shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from riverrun.engine.core.event_grammar import ANYWHERE, EVENT_GRAMMAR, EventState, next_state
from riverrun.engine.core.events import Event, Finished, Status, TextDelta, UsageUpdate

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)`: [^|]+ \| ([^|]+) \|$", re.MULTILINE)
CONTENT = ("TextDelta", "ReasoningDelta", "ToolCallStart", "ToolCallDelta", "ToolCallReady")


def test_every_state_that_is_reached_has_a_row() -> None:
    assert set(EVENT_GRAMMAR) == set(get_args(EventState))
    assert {after for row in EVENT_GRAMMAR.values() for after in row.values()} <= set(EVENT_GRAMMAR)


def test_every_event_has_a_place() -> None:
    assert {kind for row in EVENT_GRAMMAR.values() for kind in row} | set(ANYWHERE) == set(get_args(Event))


@pytest.mark.parametrize("state", [state for state in EVENT_GRAMMAR if state not in ("end", "retold")])
def test_a_run_may_finish_in_every_state_but_where_it_is_told_anew(state: EventState) -> None:
    assert next_state(state, Finished) == "end"


@pytest.mark.parametrize("kind", get_args(Event))
def test_nothing_comes_after_the_end(kind: type[Event]) -> None:
    assert next_state("end", kind) is None


@pytest.mark.parametrize("kind", [UsageUpdate, Status])
@pytest.mark.parametrize("state", [state for state in EVENT_GRAMMAR if state != "end"])
def test_what_may_stand_anywhere_changes_no_state(state: EventState, kind: type[Event]) -> None:
    assert next_state(state, kind) == state


def test_an_interruption_is_announced_before_its_retry() -> None:
    assert next_state("said", TextDelta) == "said"
    assert next_state("interrupted", TextDelta) is None


def documented(cell: str) -> dict[str, str]:
    """A row of the page as event and state after it."""
    named: dict[str, str] = {}
    for part in cell.split("; ") if cell != "nothing" else ():
        events, after = part.split(" → ")
        names = [*re.findall(r"`(\w+)`", events), *(CONTENT if "content" in events else ())]
        named |= dict.fromkeys(names, after.strip("`"))
    return named


def test_the_documentation_shows_this_table() -> None:
    shown = {state: documented(cell) for state, cell in ROW.findall(PAGE)}
    assert shown == {
        state: {kind.__name__: after for kind, after in row.items()} for state, row in EVENT_GRAMMAR.items()
    }
