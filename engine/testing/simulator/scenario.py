"""One simulated run as data: what the model would say, what goes wrong, how the store and the consumer behave.

A scenario is JSON both ways, and names only what matters: everything has a default. The same scenario is the same run,
event for event, whatever the process, alone or among thousands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, cast, get_args

import attrs
from attrs import field, frozen

from ...core.capabilities import Capabilities, ContinuationForm
from ...core.codec import CodecError, structure, unstructure
from ...core.events import Event
from ...core.policy import Policy
from ...core.validators import WHOLE_NUMBER_MAX, is_whole_number
from ..script.faults import (
    BETWEEN_EVENTS,
    SERVED_ALONE,
    SIZE_MAX,
    STATUSES,
    Fault,
    Item,
    member_of,
    refuse,
    require_count,
    require_scripted,
    require_seconds,
)

SCHEMA_VERSION = 1
_PREFIX = (ContinuationForm.PREFILL, ContinuationForm.QUOTE)
_NATIVE = (ContinuationForm.NATIVE, ContinuationForm.QUOTE)
PROVIDERS: dict[str, Capabilities] = {
    "prefill": Capabilities(forms=_PREFIX),
    "prefill_trim": Capabilities(forms=_PREFIX, prefix_trailing_space=False),
    "quote": Capabilities(),
    "native": Capabilities(forms=_NATIVE, waiting_message="loading"),
    "native_echo": Capabilities(forms=_NATIVE, echoes=True),
    "native_echo_trim": Capabilities(forms=_NATIVE, echoes=True, prefix_trailing_space=False),
    "restart": Capabilities(forms=()),
    "thinking": Capabilities(forms=_PREFIX, reasons=True),
    "reads_on": Capabilities(can_reattach=True),
    "reads_on_prefill": Capabilities(forms=_PREFIX, can_reattach=True),
}
"""What a simulated provider declares, by the name that a scenario gives."""

EVENT_NAMES = tuple(kind.__name__ for kind in get_args(Event))
_ACT_ON = (None, *EVENT_NAMES)


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
    return value if type(value) is StoreKind else member_of(StoreKind, value, "StoreFault.kind")


@frozen
class StoreFault:
    """What happens at write `at` (from 0) of process number `process`, and at the `count` - 1 writes after it."""

    kind: StoreKind = field(converter=_store_kind)
    at: int = 0
    count: int = 1
    seconds: float = 1.0
    process: int = 0

    def __attrs_post_init__(self) -> None:
        require_count(self, "at")
        require_count(self, "count", 1)
        require_seconds(self, "seconds")
        require_count(self, "process")


class Act(StrEnum):
    """How the consumer interferes."""

    NONE = "none"
    CANCEL = "cancel"
    PAUSE = "pause"
    LEAVE = "leave"
    """The block is left."""
    SCOPE = "scope"
    """The task is cancelled by a scope around the run."""


def _act(value: str) -> Act:
    return value if type(value) is Act else member_of(Act, value, "Consumer.act")


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
        require_count(self, "act_event")
        require_seconds(self, "act_s", or_none=True)
        require_seconds(self, "slow_s")
        require_count(self, "mailbox_max", 1, or_none=True)
        if self.act_on not in _ACT_ON:
            refuse("Consumer.act_on", self.act_on, f"None, or one of {', '.join(EVENT_NAMES)}")


_CONSUMER, _POLICY = Consumer(), Policy()
_ITEMS, _FAULTS, _STORE_FAULTS = frozenset({Item}), frozenset({Fault}), frozenset({StoreFault})


def _require_kind(held: object, kind: type[object], field_name: str, expected: str) -> None:
    if isinstance(held, bool) or not isinstance(held, kind):
        refuse(field_name, held, expected)


def _require_all(values: object, kind: type[object], field_name: str, expected: str) -> None:
    _require_kind(values, tuple, field_name, f"a tuple, each of it {expected}")
    for at, one in enumerate(cast("tuple[object, ...]", values)):
        _require_kind(one, kind, f"{field_name}[{at}]", expected)


@frozen
class Scenario:
    """One simulated run.

    `faults` are those of the attempts, in order, over all processes; further attempts are honest. `provider` names the
    capabilities (`PROVIDERS`), `planner` one of `planners.PLANNERS` or "module:function".
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
            and self.provider in PROVIDERS
            and (self.has_store or not self.store)
        ):
            self._look_closely()
        for at, fault in enumerate(self.faults):
            if not (fault.status in STATUSES and fault.cut is BETWEEN_EVENTS and fault.kind not in SERVED_ALONE):
                require_scripted(f"Scenario.faults[{at}]", fault)
        if len(self.answer) > 1 and (size := sum(item.size for item in self.answer)) > SIZE_MAX:
            refuse("Scenario.answer", size, f"at most {SIZE_MAX} tokens and calls in it")
        for item in self.answer:
            if item.says_something:
                break
        else:
            refuse("Scenario.answer", self.answer, "text or whole calls in it: without them no answer is whole")

    def _look_closely(self) -> None:
        _require_all(self.answer, Item, "Scenario.answer", "an Item")
        _require_all(self.faults, Fault, "Scenario.faults", "a Fault")
        _require_all(self.store, StoreFault, "Scenario.store", "a StoreFault")
        _require_kind(self.consumer, Consumer, "Scenario.consumer", "a Consumer")
        _require_kind(self.policy, Policy, "Scenario.policy", "a Policy")
        if not is_whole_number(self.seed):
            refuse("Scenario.seed", self.seed, "a whole number")
        if self.provider not in PROVIDERS:
            refuse("Scenario.provider", self.provider, f"one of {', '.join(PROVIDERS)}")
        if self.store and not self.has_store:
            refuse("Scenario.has_store", self.has_store, f"True: store holds {len(self.store)} faults of a store")

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
