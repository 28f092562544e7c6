"""What a decoder makes of a provider's bytes: a closed union of small frozen values, folded by the accumulator.

The four deltas are also what the consumer is given (`events`): the hot path makes one object an event.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import field, frozen

from .failures import Failure
from .messages import OpaqueBlock
from .stop import StopReason
from .usage import UsageReport


@frozen
class TextDelta:
    """More text of the answer."""

    text: str


@frozen
class ReasoningDelta:
    """More of what the model thinks."""

    text: str


@frozen
class ToolCallStart:
    """The model began a call. It may still be cancelled: run nothing yet.

    `index` is where the provider places it in its answer; None: after those that began before it.
    """

    id: str
    name: str
    index: int | None = field(default=None, eq=False, repr=False)


@frozen
class ToolCallDelta:
    """More of a call's arguments: a fragment of JSON text, for display only."""

    id: str
    args_delta: str


@frozen
class ResponseStarted:
    """The provider named its answer: its id, and the model that really answers."""

    response_id: str
    model: str


@frozen
class ReasoningSignature:
    """The provider's signature of the open reasoning block; the last one counts, at the block's stop."""

    signature: str


@frozen
class RedactedReasoning:
    """A whole reasoning block that only the provider can read."""

    data: str


@frozen
class BlockStop:
    """The provider closed a block: the call named by `id`, or the open text or reasoning block (None).

    `is_cut` says that the output ceiling fell inside a call that is closed only because the answer ends. `arguments`
    are the provider's own whole of a call's arguments, where its fragments say something else. `repeats` is the id that
    the provider gave this call, where it had given it to another before; `id` is then one that was made up. `voided`
    says why a call is none after all: where its name goes on, it begins anew.
    """

    id: str | None = None
    is_cut: bool = False
    arguments: str | None = None
    repeats: str | None = None
    voided: str | None = None


@frozen
class ServerToolStarted:
    """A server-side tool began and may run: from here to its `OpaqueBlockReceived` a retry could run it twice."""

    name: str


@frozen
class OpaqueBlockReceived:
    """A whole block that only the provider understands. `closes_server_tool` marks the result of a server-side tool."""

    block: OpaqueBlock
    closes_server_tool: bool = False


CURSOR_CHARS_MAX = 16 * 1024
"""A longer cursor is none: it is stored with every checkpoint, and usual ones have 400 characters."""

CURSOR_TOO_LONG = (
    f"what is open takes a cursor of more than {CURSOR_CHARS_MAX} characters: until it is closed, a break is continued "
    "and not read on"
)
"""What a consumer is told then, once."""


@frozen
class CursorMoved:
    """Where a dropped stream can be re-attached: after everything said before this event. None: nowhere any more."""

    cursor: str | None

    @property
    def is_too_long(self) -> bool:
        """Whether the cursor is none, for its length alone."""
        return self.cursor is not None and len(self.cursor) > CURSOR_CHARS_MAX


@frozen
class StopReported:
    """The provider said why it stops; the stream may still carry usage. The last report counts."""

    reason: StopReason
    word: str


@frozen
class AnswerRestarted:
    """The provider began its message again inside one stream (gateways splice): what this attempt said is void."""


@frozen
class StreamFailed:
    """The provider reported an error inside the stream."""

    failure: Failure


@frozen
class KeepAlive:
    """The connection lives. Never progress."""


@frozen
class ProviderStatus:
    """Something for a person to read while they wait (a model is loading). Never progress."""

    message: str


StreamEvent: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | ToolCallStart
    | ToolCallDelta
    | ResponseStarted
    | ReasoningSignature
    | RedactedReasoning
    | BlockStop
    | ServerToolStarted
    | OpaqueBlockReceived
    | CursorMoved
    | UsageReport
    | StopReported
    | AnswerRestarted
    | StreamFailed
    | KeepAlive
    | ProviderStatus
)
