"""One simulated run as data: what the model would say, what goes wrong, how the store and the consumer behave.

A scenario is JSON both ways, and names only what matters: everything has a default. The same scenario is the same run,
event for event, whatever the process, alone or among thousands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NoReturn, TypeVar, cast, get_args

import attrs
from attrs import field, frozen

from ...core.codec import CodecError, structure, unstructure
from ...core.events import Event
from ...core.policy import Policy
from ...core.usage_error import UsageError
from ...core.validators import WHOLE_NUMBER_MAX, is_whole_number, seen

SCHEMA_VERSION = 1
ITEM_KINDS = ("text", "reasoning", "calls")

SIZE_MAX = 10_000
"""The most tokens and calls of a model's answer: a file of a few bytes could ask for 2^63, and so many take seconds."""

STATUSES = (500, 400, 401, 402, 403, 404, 408, 409, 429, 502, 503, 504, 529)
"""The statuses that the simulated model has an error for: every key of `model._REFUSALS`."""

_NATIVE = ("native", "native_echo", "native_echo_trim")
PROVIDER_NAMES = ("prefill", "prefill_trim", "quote", *_NATIVE, "restart", "thinking", "reads_on", "reads_on_prefill")
"""Every key of `model.PROVIDERS`, which is made of what is here."""

EVENT_NAMES = tuple(kind.__name__ for kind in get_args(Event))
_ACT_ON = (None, *EVENT_NAMES)

_E = TypeVar("_E", bound=StrEnum)

# One comparison of each value nearly always holds, and its fields are looked at only where it does not: checked one by
# one they made a scenario a fifth dearer to draw.


def _refuse(field_name: str, held: object, expected: str) -> NoReturn:
    shown = seen(held) if isinstance(held, int) else repr(held)
    raise UsageError(f"{field_name} is {shown if len(shown) <= 80 else f'{shown[:79]}…'}; expected {expected}")


def _require_count(value: object, name: str, least: int = 0, *, or_none: bool = False) -> None:
    held = getattr(value, name)
    if not (or_none and held is None) and (not is_whole_number(held) or held < least):
        _refuse(f"{type(value).__name__}.{name}", held, f"a whole number of at least {least}")


def _require_seconds(value: object, name: str, *, or_none: bool = False) -> None:
    held = getattr(value, name)
    is_number = isinstance(held, float) or is_whole_number(held)
    if not (or_none and held is None) and not (is_number and held >= 0):  # NaN is not
        _refuse(f"{type(value).__name__}.{name}", held, f"{'None, or ' if or_none else ''}a number of at least 0")


def _member(kind: type[_E], value: object, field_name: str) -> _E:
    try:
        return kind(cast("str", value))
    except ValueError:
        _refuse(field_name, value, f"one of {', '.join(kind)}")


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

_MANNERS = (Kind.NONE, *sorted(MANNERS))  # a tuple compares by identity first; the hash of an enum is a call


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

    def __attrs_post_init__(self) -> None:
        if self.kind not in ITEM_KINDS:
            _refuse("Item.kind", self.kind, f"one of {', '.join(ITEM_KINDS)}")
        if type(self.size) is not int or not 1 <= self.size <= SIZE_MAX:
            _require_count(self, "size", 1)
            if self.size > SIZE_MAX:
                _refuse("Item.size", self.size, f"at most {SIZE_MAX}")

    @property
    def says_something(self) -> bool:
        """Whether an answer of this alone is one: thoughts are none, nor are calls that nobody can make."""
        return self.kind == "text" or (self.kind == "calls" and not self.broken)


def _kind(value: str) -> Kind:
    return value if type(value) is Kind else _member(Kind, value, "Fault.kind or Fault.manner")


@frozen
class Fault:
    """What goes wrong with one attempt, after `at` events of it; `manner` says how the reply begins."""

    kind: Kind = field(default=Kind.NONE, converter=_kind)
    at: int = 0
    seconds: float = 1.0
    count: int = 0
    status: int = 500
    retry_after_s: float | None = None
    manner: Kind = field(default=Kind.NONE, converter=_kind)
    burst: int = 4
    """How many events one read brings."""

    def __attrs_post_init__(self) -> None:
        if not (
            type(self.at) is type(self.count) is type(self.burst) is int
            and 0 <= self.at <= WHOLE_NUMBER_MAX
            and 0 <= self.count <= WHOLE_NUMBER_MAX
            and 1 <= self.burst <= WHOLE_NUMBER_MAX
            and type(self.seconds) is float
            and self.seconds >= 0
            and self.status in STATUSES
            and self.retry_after_s is None
            and self.manner in _MANNERS
        ):
            self._look_closely()

    def _look_closely(self) -> None:
        _require_count(self, "at")
        _require_count(self, "count")
        _require_count(self, "burst", 1)
        _require_seconds(self, "seconds")
        _require_seconds(self, "retry_after_s", or_none=True)
        if self.status not in STATUSES:
            _refuse("Fault.status", self.status, f"one of {', '.join(map(str, STATUSES))}")
        if self.manner not in _MANNERS:
            _refuse("Fault.manner", self.manner.value, f"one of {', '.join(_MANNERS)}")

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


def _store_kind(value: str) -> StoreKind:
    return value if type(value) is StoreKind else _member(StoreKind, value, "StoreFault.kind")


@frozen
class StoreFault:
    """What happens at write `at` (from 0) of process number `process`, and at the `count` - 1 writes after it."""

    kind: StoreKind = field(converter=_store_kind)
    at: int = 0
    count: int = 1
    seconds: float = 1.0
    process: int = 0

    def __attrs_post_init__(self) -> None:
        _require_count(self, "at")
        _require_count(self, "count", 1)
        _require_seconds(self, "seconds")
        _require_count(self, "process")


class Act(StrEnum):
    """How the consumer interferes."""

    NONE = "none"
    CANCEL = "cancel"
    PAUSE = "pause"
    LEAVE = "leave"
    """The block is left."""
    SCOPE = "scope"
    """The task is cancelled from outside."""


def _act(value: str) -> Act:
    return value if type(value) is Act else _member(Act, value, "Consumer.act")


@frozen
class Consumer:
    """How the consumer behaves.

    `act` happens at event `act_event` (from 0), at the first from there on that is called `act_on` if that is given, or
    at second `act_s`. `reopens`: the run is then opened again. `keeps_text`: it is opened with `deliver_from`.
    `slow_s`: what each event takes. `many`: reads by `receive_many`; `switches`: from event 5 on in the other way.
    `mailbox_max`: how many events may wait for it.
    """

    act: Act = field(default=Act.NONE, converter=_act)
    act_event: int = 0
    act_s: float | None = None
    act_on: str | None = None
    reopens: bool = False
    keeps_text: bool = False
    slow_s: float = 0.0
    many: bool = False
    switches: bool = False
    mailbox_max: int | None = None

    def __attrs_post_init__(self) -> None:
        if not (
            type(self.act_event) is int
            and 0 <= self.act_event <= WHOLE_NUMBER_MAX
            and self.act_s is None
            and self.act_on in _ACT_ON
            and type(self.slow_s) is float
            and self.slow_s >= 0
            and self.mailbox_max is None
        ):
            self._look_closely()

    def _look_closely(self) -> None:
        _require_count(self, "act_event")
        _require_seconds(self, "act_s", or_none=True)
        _require_seconds(self, "slow_s")
        _require_count(self, "mailbox_max", 1, or_none=True)
        if self.act_on not in _ACT_ON:
            _refuse("Consumer.act_on", self.act_on, f"None, or one of {', '.join(EVENT_NAMES)}")


_CONSUMER, _POLICY = Consumer(), Policy()
_ITEMS, _FAULTS, _STORE_FAULTS = frozenset({Item}), frozenset({Fault}), frozenset({StoreFault})


def _require_kind(held: object, kind: type[object], field_name: str, expected: str) -> None:
    if isinstance(held, bool) or not isinstance(held, kind):
        _refuse(field_name, held, expected)


def _require_all(values: object, kind: type[object], field_name: str, expected: str) -> None:
    _require_kind(values, tuple, field_name, f"a tuple, each of it {expected}")
    for at, one in enumerate(cast("tuple[object, ...]", values)):
        _require_kind(one, kind, f"{field_name}[{at}]", expected)


@frozen
class Scenario:
    """One simulated run.

    `faults` are those of the attempts, in order, over all processes; further attempts are honest. `provider` names the
    capabilities (`model.PROVIDERS`), `planner` one of `planners.PLANNERS` or "module:function".
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

    def __attrs_post_init__(self) -> None:
        if not (
            type(self.answer) is tuple
            and type(self.faults) is tuple
            and type(self.store) is tuple
            and _ITEMS.issuperset(map(type, self.answer))
            and _FAULTS.issuperset(map(type, self.faults))
            and _STORE_FAULTS.issuperset(map(type, self.store))
            and type(self.consumer) is Consumer
            and type(self.policy) is Policy
            and is_whole_number(self.seed)
            and self.provider in PROVIDER_NAMES
            and (self.has_store or not self.store)
        ):
            self._look_closely()
        if len(self.answer) > 1 and (size := sum(item.size for item in self.answer)) > SIZE_MAX:
            _refuse("Scenario.answer", size, f"at most {SIZE_MAX} tokens and calls in it")
        for item in self.answer:
            if item.says_something:
                break
        else:
            _refuse("Scenario.answer", self.answer, "text or whole calls in it: without them no answer is whole")

    def _look_closely(self) -> None:
        _require_all(self.answer, Item, "Scenario.answer", "an Item")
        _require_all(self.faults, Fault, "Scenario.faults", "the Fault of attempts, testing.AttemptFault")
        _require_all(self.store, StoreFault, "Scenario.store", "a StoreFault")
        _require_kind(self.consumer, Consumer, "Scenario.consumer", "a Consumer")
        _require_kind(self.policy, Policy, "Scenario.policy", "a Policy")
        if not is_whole_number(self.seed):
            _refuse("Scenario.seed", self.seed, "a whole number")
        if self.provider not in PROVIDER_NAMES:
            _refuse("Scenario.provider", self.provider, f"one of {', '.join(PROVIDER_NAMES)}")
        if self.store and not self.has_store:
            _refuse("Scenario.has_store", self.has_store, f"True: store holds {len(self.store)} faults of a store")

    def to_json(self) -> str:
        """Write it as JSON that names only what is not the default."""
        body = {"schema": SCHEMA_VERSION, **unstructure(self, Scenario, sparse=True)}
        return json.dumps(body, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Scenario:
        """Read it. Raises CodecError: not JSON, another schema, a field that no scenario has, or not a scenario."""
        try:
            held: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CodecError(f"{len(text)} characters that are not JSON; expected a scenario") from error
        plain = cast("dict[str, object]", held) if isinstance(held, dict) else {}
        if plain.get("schema") != SCHEMA_VERSION:
            raise CodecError(f"schema {plain.get('schema')!r} seen, {SCHEMA_VERSION} expected: is it a scenario?")
        made = cast("Scenario", structure(plain, cls))
        for path in _unknown({name: plain[name] for name in plain if name != "schema"}, made):
            raise CodecError(f"an unknown field {path[:80]!r}; a scenario has to say the same to whoever plays it")
        return made


def _unknown(plain: object, made: object, path: str = "") -> Iterator[str]:
    """Yield the paths of what stands in the JSON and not in what was made of it: a misspelt fault is none."""
    if isinstance(plain, dict) and attrs.has(type(made)):
        names = {one.name for one in attrs.fields(cast("Any", type(made)))}
        for name, held in cast("dict[str, object]", plain).items():
            if name not in names:
                yield f"{path}{name}"
            else:
                yield from _unknown(held, getattr(made, name), f"{path}{name}.")
    elif isinstance(plain, list) and isinstance(made, tuple):
        pairs = zip(cast("list[object]", plain), cast("tuple[object, ...]", made), strict=True)
        for at, (held, one) in enumerate(pairs):
            yield from _unknown(held, one, f"{path[:-1]}[{at}].")
