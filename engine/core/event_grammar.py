"""Which event of a run may follow which: the grammar of what a consumer is given, as a table. Pure.

From a state and the type of an event to the state after it; what is not in the table is illegal. `UsageUpdate` and
`Status` may stand anywhere before the end. An interruption reads

    Interrupted  ToolCallCancel*  StreamReset?  RetryScheduled  …  Resumed

and where a generation was to be read on, and is not, its calls are cancelled as late as that is known. The testing kit
holds every simulated run to it; a consumer that handles each row handles every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from .events import (
    Event,
    Finished,
    Interrupted,
    ReasoningDelta,
    Resumed,
    RetryScheduled,
    Status,
    StreamReset,
    TextDelta,
    ToolCallCancel,
    ToolCallDelta,
    ToolCallReady,
    ToolCallStart,
    UsageUpdate,
)

EventState: TypeAlias = Literal[
    "begin", "again", "said", "interrupted", "reset", "resuming", "waiting", "aligning", "retold", "end"
]
"""Where in its run a consumer is. Words, not an enum: they are looked up for every simulated event, and an enum's hash
is a call."""

ANYWHERE: tuple[type[Event], ...] = (UsageUpdate, Status)
"""Events that change no state, and may stand in any but the last."""

_CONTENT: tuple[type[Event], ...] = (TextDelta, ReasoningDelta, ToolCallStart, ToolCallDelta, ToolCallReady)


def _content(after: EventState) -> dict[type[Event], EventState]:
    return dict.fromkeys(_CONTENT, after)


EVENT_GRAMMAR: Mapping[EventState, Mapping[type[Event], EventState]] = {
    # before anything was said, by the first request of a run
    "begin": {
        **_content("said"),
        Interrupted: "interrupted",  # by what can not be shown: a signature, say
        RetryScheduled: "waiting",
        Finished: "end",
    },
    # opened again: what was said is handed out, then the answer goes on
    "again": {
        **_content("again"),
        StreamReset: "again",
        ToolCallCancel: "again",  # the run ended before anything was asked
        Interrupted: "resuming",
        RetryScheduled: "waiting",
        Resumed: "said",
        Finished: "end",
    },
    "said": {
        **_content("said"),
        ToolCallCancel: "said",  # arguments that never became an object; the end of a run
        StreamReset: "said",  # the answer began again inside the stream
        Interrupted: "interrupted",
        Finished: "end",
    },
    "interrupted": {
        ToolCallCancel: "interrupted",
        StreamReset: "reset",
        RetryScheduled: "waiting",
        Finished: "end",
    },
    "reset": {RetryScheduled: "waiting", Finished: "end"},
    # a checkpoint is gone on from at once, without a delay to announce
    "resuming": {
        ToolCallCancel: "resuming",
        StreamReset: "waiting",
        RetryScheduled: "waiting",
        Interrupted: "interrupted",  # by what was held back
        ReasoningDelta: "aligning",
        Resumed: "said",
        Finished: "end",
    },
    "waiting": {
        RetryScheduled: "waiting",  # the next attempt was refused before it said anything
        ToolCallCancel: "waiting",  # a call that was to be read on: it can not be, or the run ends
        StreamReset: "waiting",  # its form was refused, and nothing but a restart is left
        Interrupted: "interrupted",  # by what was held back
        ReasoningDelta: "aligning",
        Resumed: "said",
        Finished: "end",
    },
    # thoughts are shown as they come, and how the seam looks is not known before the text begins
    "aligning": {
        ReasoningDelta: "aligning",
        StreamReset: "retold",  # the answer began again inside the stream
        Interrupted: "interrupted",
        Resumed: "said",
        Finished: "end",
    },
    "retold": {
        **_content("retold"),
        Interrupted: "interrupted",
        Resumed: "said",
        Finished: "end",
    },
    "end": {},
}
"""What may come in each state, and the state after it. `begin` and `again` are where a run begins: asked for the first
time, or opened from its checkpoint."""


def next_state(state: EventState, kind: type[Event]) -> EventState | None:
    """Return the state after an event of this type; None where it may not come."""
    if kind in ANYWHERE:
        return None if state == "end" else state
    return EVENT_GRAMMAR[state].get(kind)
