"""Why an attempt ended early: a closed union of small values, each with a stable one-line `str`.

The strings are part of the contract (they appear in events, logs and stored stories); the first five are those of
awaken's contract (github.com/awakenworks/awaken). A cause says what happened to the *stream*; a `Failure` says what a
provider answered.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import field, frozen

from .printable import named


@frozen
class ConnectionReset:
    """The connection broke under the stream."""

    def __str__(self) -> str:
        return "connection reset"


@frozen
class IdleStall:
    """A clock ran out: `clock` names it (resolve, connect, pool, headers, first event, idle, throughput, total).

    `setting` names the field of `StallPolicy` that set it, for a person; it makes no other cause of it.
    """

    clock: str = "idle"
    waited_s: float | None = None
    setting: str = field(default="", eq=False)

    def __str__(self) -> str:
        return "idle stall" if self.clock == "idle" else f"{named(self.clock)} stall"


@frozen
class GoAway:
    """The server said it is going away (HTTP/2 GOAWAY)."""

    def __str__(self) -> str:
        return "goaway"


@frozen
class Provider5xx:
    """The provider failed with a server status, before or inside the stream."""

    status: int

    def __str__(self) -> str:
        return f"provider {self.status} mid-stream"


@frozen
class PrematureEnd:
    """The body ended before the provider's own terminal event: never a success."""

    def __str__(self) -> str:
        return "premature end"


@frozen
class MalformedStream:
    """What arrived is not the provider's wire format; `detail` says what was seen and expected."""

    detail: str = ""

    def __str__(self) -> str:
        return "malformed stream"


@frozen
class RateLimited:
    """The provider limited the rate; `retry_after_s` is its hint."""

    retry_after_s: float | None = None

    def __str__(self) -> str:
        return "rate limited"


@frozen
class Overloaded:
    """The provider is overloaded; `retry_after_s` is its hint."""

    retry_after_s: float | None = None

    def __str__(self) -> str:
        return "overloaded"


@frozen
class EmptyAnswer:
    """The provider ended an answer that holds neither text nor a call."""

    def __str__(self) -> str:
        return "empty answer"


@frozen
class FormRefused:
    """The provider refused the form of a continuation; the next form is tried at once."""

    form: str

    def __str__(self) -> str:
        return f"{named(self.form)} refused"


@frozen
class ResumedFromCheckpoint:
    """Nothing broke in this process: the run goes on from what an earlier one stored. Costs no attempt."""

    def __str__(self) -> str:
        return "resumed from checkpoint"


InterruptCause: TypeAlias = (
    ConnectionReset
    | IdleStall
    | GoAway
    | Provider5xx
    | PrematureEnd
    | MalformedStream
    | RateLimited
    | Overloaded
    | EmptyAnswer
    | FormRefused
    | ResumedFromCheckpoint
)
