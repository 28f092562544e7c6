"""One simulated run as data: what the model would say, what goes wrong, how the store and the consumer behave.

A scenario is JSON both ways, and names only what matters: everything has a default. The same scenario is the same run,
event for event, whatever the process, alone or among thousands.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeVar, cast

import attrs
from attrs import field, frozen

from ..core.codec import CodecError, structure, unstructure
from ..core.policy import Policy

SCHEMA_VERSION = 1

T = TypeVar("T")


class Kind(StrEnum):
    """What goes wrong with an attempt: one closed set, for the events and for the bytes of an answer."""

    NONE = "none"
    RESET = "reset"
    HALF_CLOSE = "half_close"
    """The stream ends after `at` events, as if nothing were wrong."""
    STALL = "stall"
    DRIP = "drip"
    """From `at` on, `count` events come `seconds` apart; nothing else is wrong."""
    PINGS_ONLY = "pings_only"
    """From `at` on, only signs of life come, `seconds` apart."""
    GARBAGE = "garbage"
    DUPLICATE = "duplicate"
    """After `at` events the message begins again inside the same stream."""
    IN_BAND_ERROR = "in_band_error"
    """An error inside the stream; `status` and `retry_after_s` say which."""
    HTTP_ERROR = "http_error"
    """An answer of `status` instead of a stream, with `retry_after_s`."""
    GOAWAY = "goaway"
    PREMATURE_END = "premature_end"
    """Everything is said, and the terminal event is missing."""
    ERROR_AFTER_TERMINAL = "error_after_terminal"
    """The terminal event is there, and then the connection breaks, or hangs if `count` is not 0."""
    PREFILL_REFUSED = "prefill_refused"
    """The form of the continuation is refused."""
    ECHO = "echo"
    """The reply says everything again first (where the form allows it to)."""
    OVERLAP = "overlap"
    """The reply says the last `count` characters again first (where the form allows it to)."""
    STARTS_OVER = "starts_over"
    """The reply begins the answer anew, and then goes another way."""
    WHITE_SPACE = "white_space"
    """The reply begins with other white space than the answer has there."""
    SLOW_HEADERS = "slow_headers"
    """The answer's headers take `seconds`."""
    CONNECT_ERROR = "connect_error"
    EMPTY = "empty"
    """The answer ends without a word."""
    FOREIGN_ERROR = "foreign_error"
    """The source raises something that is neither the network's nor the provider's."""


MANNERS = frozenset({Kind.ECHO, Kind.OVERLAP, Kind.STARTS_OVER, Kind.WHITE_SPACE})
"""Kinds that say how a reply begins; they may stand beside one that says how it ends."""


@frozen
class Item:
    """A piece of the model's answer, in order.

    `kind` is "text", "reasoning" or "calls". A text or thought has `size` tokens; `size` calls are under way at once.
    `signed`: the thought carries a signature. `broken`: the arguments never become a JSON object.
    """

    kind: str = "text"
    size: int = 1
    signed: bool = False
    broken: bool = False


@frozen
class Fault:
    """What goes wrong with one attempt, after `at` events of it; `manner` says how the reply begins."""

    kind: Kind = field(default=Kind.NONE, converter=Kind)
    at: int = 0
    seconds: float = 1.0
    count: int = 0
    status: int = 500
    retry_after_s: float | None = None
    manner: Kind = field(default=Kind.NONE, converter=Kind)
    burst: int = 4
    """How many events one read brings."""

    @property
    def begins(self) -> Kind:
        """How the reply begins."""
        return self.kind if self.kind in MANNERS else self.manner


class StoreKind(StrEnum):
    """What goes wrong with the store."""

    FAILS = "fails"
    HANGS = "hangs"
    SLOW = "slow"
    FORGETS = "forgets"
    """The run is deleted under its writer's feet."""
    FENCED = "fenced"
    """Another process opens the run."""
    CRASH_BEFORE_WRITE = "crash_before_write"
    CRASH_AFTER_WRITE = "crash_after_write"
    LOAD_FAILS = "load_fails"
    """The store gives no answer when the run is opened."""


CRASHES = frozenset({StoreKind.CRASH_BEFORE_WRITE, StoreKind.CRASH_AFTER_WRITE})


@frozen
class StoreFault:
    """What happens at write `at` (from 0) of process number `process`, and at the `count` - 1 writes after it."""

    kind: StoreKind = field(converter=StoreKind)
    at: int = 0
    count: int = 1
    seconds: float = 1.0
    process: int = 0


class Act(StrEnum):
    """How the consumer interferes."""

    NONE = "none"
    CANCEL = "cancel"
    PAUSE = "pause"
    LEAVE = "leave"
    """The block is left."""
    SCOPE = "scope"
    """The task is cancelled from outside."""


@frozen
class Consumer:
    """How the consumer behaves.

    `act` happens at event `act_event` (from 0), at the first from there on that is called `act_on` if that is given, or
    at second `act_s`. `reopens`: the run is then opened again. `keeps_text`: it is opened with `deliver_from`.
    `slow_s`: what each event takes. `many`: reads by `receive_many`; `switches`: from event 5 on in the other way.
    `mailbox_max`: how many events may wait for it.
    """

    act: Act = field(default=Act.NONE, converter=Act)
    act_event: int = 0
    act_s: float | None = None
    act_on: str | None = None
    reopens: bool = False
    keeps_text: bool = False
    slow_s: float = 0.0
    many: bool = False
    switches: bool = False
    mailbox_max: int | None = None


_CONSUMER, _POLICY = Consumer(), Policy()


@frozen
class Scenario:
    """One simulated run.

    `faults` are those of the attempts, in order, over all processes; further attempts are honest. `provider` names the
    capabilities (`model.PROVIDERS`), `planner` one of `simulator.PLANNERS` or "module:function".
    """

    seed: int = 0
    level: str = "events"
    provider: str = "prefill"
    answer: tuple[Item, ...] = (Item("text", 12),)
    faults: tuple[Fault, ...] = ()
    has_store: bool = True
    store: tuple[StoreFault, ...] = ()
    consumer: Consumer = _CONSUMER
    policy: Policy = _POLICY
    planner: str = "default"
    fresh_ids: bool = True
    """Whether a call that is said again has another id."""
    why: str = ""
    """What this scenario found, for a person: it changes nothing."""

    def to_json(self) -> str:
        """Write it as JSON that names only what is not the default."""
        body = {"schema": SCHEMA_VERSION, **_sparse(self)}
        return json.dumps(body, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Scenario:
        """Read it. Raises CodecError: not JSON, another schema, or not a scenario."""
        try:
            held: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CodecError(f"{len(text)} characters that are not JSON; expected a scenario") from error
        plain = cast("dict[str, object]", held) if isinstance(held, dict) else {}
        if plain.get("schema") != SCHEMA_VERSION:
            raise CodecError(f"schema {plain.get('schema')!r} seen, {SCHEMA_VERSION} expected: is it a scenario?")
        return cast("Scenario", structure(plain, cls))


def _sparse(value: Any) -> dict[str, Any]:
    """Write the fields that are not their defaults."""
    kind = cast("Any", type(value))
    return {
        one.name: _plain(held)
        for one in attrs.fields(kind)
        for held in (getattr(value, one.name),)
        if one.default is attrs.NOTHING or held != one.default
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in cast("Sequence[Any]", value)]
    kind = cast("Any", type(value))
    return _sparse(value) if attrs.has(kind) else unstructure(value, kind)
