"""The output of a response while it is made: which item an event speaks of, and what becomes of it.

`defect` says which event contradicted those before it, or passed a bound; nothing is said after that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set

from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.messages import OpaqueBlock
from ...engine.core.policy import Limits
from ...engine.core.printable import named
from ...engine.core.stream_events import (
    BlockStop,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    ServerToolStarted,
    StreamEvent,
    TextDelta,
)
from ..wire.call_bounds import CallIds, key_of
from ..wire.json import excess_of_names, text_at, write_json
from ..wire.spoken import spoken_at
from .cursor import OPEN_MAX, Cursor, OpenItem, SaidState
from .items import CALL_KINDS, CallItem, Item, OpaqueItem, SpokenItem, new_item
from .places import Places, RunningTools, is_told_again


class Output:
    """All items of one response.

    Args:
        origin: written on opaque blocks.
        limits: bounds on items (`blocks_max`), calls and arguments.
        resumed: what was open where the stream is read on.
    """

    def __init__(self, origin: str, limits: Limits, resumed: Cursor | None = None) -> None:
        self._defect: str | None = None
        self._held = HeldBytes(limits.held_bytes_max)
        self.ignored: Counter[str] = Counter()
        self.is_refused: bool = resumed is not None and resumed.is_refused
        self._origin = origin
        self._limits = limits
        self.response_key: str = ""  # what makes a made-up id this response's own
        self._places = Places()
        self._items = self._places.latest
        self._open: dict[int, Item] = {}
        self._aliases: dict[str, int] = {}
        self._call_ids = CallIds(limits)
        self._had_calls = resumed is not None and resumed.has_calls
        self._had_top = self._top = -1 if resumed is None else resumed.top
        self._running = RunningTools(self._held, () if resumed is None else resumed.running)
        self._waiting: dict[int, CallItem] = {}
        self._waiting_min = 0
        self._last: Item | None = None
        for state in () if resumed is None else resumed.items:
            self._restore(state)
        speaker = None if resumed is None else resumed.speaker
        self._speaker: Item | None = None if speaker is None else self._items.get(speaker)

    @property
    def defect(self) -> str | None:
        """Which event contradicted those before it, or passed a bound."""
        return self._defect or self._held.defect

    @defect.setter
    def defect(self, defect: str | None) -> None:
        self._defect = defect

    @property
    def is_empty(self) -> bool:
        """Whether no item was seen yet."""
        return self._top < 0

    @property
    def has_calls(self) -> bool:
        """Whether the answer holds a call of the caller's tools."""
        return self._had_calls or bool(self._call_ids)

    def cursor(self, at: str, response_id: str, after: int) -> Cursor | None:
        """Say what a decoder has to know that goes on here; None where that would be too much."""
        if len(self._open) + len(self._running) > OPEN_MAX or self._places.aside:
            return None
        states = [item.state for item in self._open.values()]
        items = tuple(state for state in states if state is not None)
        if len(items) < len(states):
            return None
        return Cursor(
            at, response_id, after, self._top, self.has_calls, self.is_refused,
            None if self._speaker is None else self._speaker.index, items, tuple(self._running),
        )  # fmt: skip

    @property
    def is_settled(self) -> bool:
        """Whether all items have ended, and none waits for what follows it."""
        return bool(self._items) and not self.is_open and not self._waiting

    @property
    def is_open(self) -> bool:
        """Whether an item has begun and not ended."""
        return bool(self._open or self._places.aside)

    # -- events -----------------------------------------------------------------------------------------------------

    def add(self, index: int | None, item: JSONObject) -> Iterator[StreamEvent]:
        """Take an item that begins. A second telling of one adds the name it lacked, or nothing."""
        kind = text_at(item, "type")
        at = self._aliases.get(text_at(item, "id"), -1) if index is None else index
        known = self._find(at, kind, text_at(item, "id"), text_at(item, "call_id")) if at in self._items else None
        if self.defect is not None:
            return
        if not kind or (known is None and self._is_past(index, kind)):
            self.ignored[Ignored.TOLD_AGAIN] += 1
        elif known is not None and known.is_same(item):
            if isinstance(known, CallItem) and not known.is_announced:
                yield from self._name(known, item)
            elif not self._contradicts(known, item):
                self.ignored[Ignored.TOLD_AGAIN] += 1
        elif known is not None and not known.is_closed and not self._places.may_share(known, item):
            self.defect = f"seen a second item at output index {known.index}; expected the first to end before it"
        elif (made := self._make(index, kind, text_at(item, "id"))) is not None:
            self.ignored[Ignored.INDEX_ODD] += known is not None and not known.is_closed
            yield from self._begin(made, item)

    def finish(self, index: int | None, item: JSONObject) -> Iterator[StreamEvent]:
        """Take an item that is whole, whether its beginning was seen or not."""
        kind = text_at(item, "type")
        known = self._find(index, kind, text_at(item, "call_id"), text_at(item, "id"))
        if self.defect is not None or (known is not None and self._contradicts(known, item)):
            return
        if known is not None and not known.is_closed:
            if kind and kind != known.kind:
                self.defect = f"seen the end of a {named(kind)} in a {named(known.kind)}; expected its own"
                return
            yield from self._close(known, item)
        elif not kind or self._is_past(index, kind) or (known is not None and is_told_again(known, index, item)):
            self.ignored[Ignored.TOLD_AGAIN] += 1
        elif (made := self._make(index, kind, text_at(item, "id"))) is not None:
            yield from self._begin(made, item)
            if self.defect is None:
                yield from self._close(made, item)

    def say(
        self, index: int | None, alias: str, kind: str, part: str, text: str, *, is_whole: bool
    ) -> Iterator[StreamEvent]:
        """Take a fragment of a text, or the whole of it."""
        item = self._item_of(index, alias, kind, is_whole=is_whole)
        if not isinstance(item, SpokenItem):
            return
        self.is_refused = self.is_refused or part.startswith("refusal")
        said = item.take_whole(part, text) if is_whole else item.take_delta(part, text)
        self.defect = item.defect
        if self.defect is None:
            yield from self._speak(item, said)

    def argue(self, index: int | None, alias: str, kind: str, text: str, *, is_whole: bool) -> Iterator[StreamEvent]:
        """Take a fragment of a call's arguments, or the whole of them."""
        item = self._item_of(index, alias, kind, is_whole=is_whole)
        if isinstance(item, CallItem):
            yield from item.take_whole(text) if is_whole else item.take_delta(text)
            self.defect = item.defect

    def end(self, output: Sequence[JSONValue], *, is_whole: bool) -> Iterator[StreamEvent]:
        """Close what is open at the end of the answer; `output` is the provider's own telling of all items.

        What no event named is said now, unless its places are not those of the events: then only ids could tell what is
        new, and proxies change them.
        """
        if len(output) > self._limits.blocks_max:
            self.defect = f"seen more than {self._limits.blocks_max} items; expected at most that (blocks_max)"
            return
        told = {index: item for index, item in enumerate(output) if isinstance(item, dict)}
        is_in_line = all(text_at(told.get(known.index, {}), "type") == known.kind for known in self._items.values())
        said = {known.said for known in self._items.values() if isinstance(known, SpokenItem)}
        untold = {index for index, item in told.items() if is_in_line and self._is_untold(index, item, said)}
        named = {text_at(item, "id"): item for item in told.values()}
        for known in list(self._places.aside):
            yield from self._end_item(known, named.get(known.item_id, {}), is_whole=is_whole)
        for index in sorted({*self._items} | untold):
            if index in untold:
                yield from self.finish(index, told[index])
            elif not (known := self._items[index]).is_closed:
                yield from self._end_item(known, told.get(index, {}), is_whole=is_whole)
            if self.defect is not None:
                return
        for call in list(self._waiting.values()):
            yield from self._end_item(call, told.get(call.index, {}), is_whole=is_whole)

    # -- which item ---------------------------------------------------------------------------------------------------

    def _find(self, index: int | None, kind: str, *aliases: str) -> Item | None:
        if index is not None and index in self._items:
            found = self._places.find(index, kind, *aliases)
            if len(found) > 1:
                self.defect = f"seen an event of one of {len(found)} items at index {index}; expected its item_id"
            return found[0]
        for alias in aliases:
            if alias and (known := self._aliases.get(alias)) is not None:
                return self._items[known]
        is_open = self._last is not None and not self._last.is_closed
        return self._last if index is None and not any(aliases) and is_open else None

    def _item_of(self, index: int | None, alias: str, kind: str, *, is_whole: bool) -> Item | None:
        """Return the open item of this kind that an event speaks of, which may be the first to do so."""
        item = self._find(index, kind, alias)
        if self.defect is not None:
            return None
        if (item is None and self._is_past(index)) or (item is not None and item.is_closed):
            if is_whole:
                self.ignored[Ignored.TOLD_AGAIN] += 1
            else:
                self.defect = f"seen more of a {named(kind)} after its end; expected none"
            return None
        if item is None:
            return self._make(index, kind, alias)
        if item.kind != kind:
            self.defect = f"seen a delta of a {named(kind)} in a {named(item.kind)}; expected one of its own kind"
            return None
        return item

    def _is_past(self, index: int | None, kind: str = "") -> bool:
        """Whether an item ended before the place where the stream is read on; a call is held against the one it was."""
        return kind not in CALL_KINDS and index is not None and index <= self._had_top and index not in self._items

    def _is_untold(self, index: int, item: JSONObject, said: Set[tuple[str, SaidState]]) -> bool:
        """Whether no event named this item, nor another item said the same: some servers make up new ids at the end."""
        ids = {text_at(item, "id"), text_at(item, "call_id")}
        if index in self._items or self._is_past(index) or not ids.isdisjoint(self._aliases):
            return False
        alike = new_item(index, text_at(item, "type"), "", self._limits, self._held)
        return not (isinstance(alike, SpokenItem) and alike.close(item) and alike.said in said)

    def _make(self, index: int | None, kind: str, item_id: str) -> Item | None:
        if len(self._items) >= self._limits.blocks_max:
            self.defect = f"seen more than {self._limits.blocks_max} items; expected at most that (blocks_max)"
            return None
        if (excess := excess_of_names(kind, item_id)) is not None:
            self.defect = excess
            return None
        item = new_item(self._top + 1 if index is None else index, kind, item_id, self._limits, self._held)
        self._held.hold(len(kind) + len(item_id))
        self._keep(item)
        return item

    def _keep(self, item: Item) -> None:
        self._places.put(item)
        self._open[item.index] = self._last = item
        self._top = max(self._top, item.index)
        if item.item_id:
            self._aliases[item.item_id] = item.index

    def _restore(self, state: OpenItem) -> None:
        item = new_item(state.index, state.kind, state.item_id, self._limits, self._held, state)
        self._keep(item)
        if isinstance(item, CallItem) and item.is_announced:
            self._call_ids.resume(item.call_id)
            self._aliases[item.given_id] = item.index
            if item.is_waiting:
                item.is_closed = True
                self._wait(item)

    # -- what becomes of it -------------------------------------------------------------------------------------------

    def _begin(self, made: Item, item: JSONObject) -> Iterator[StreamEvent]:
        yield from self._go_on(made)
        if isinstance(made, CallItem):
            yield from self._name(made, item)
        elif isinstance(made, OpaqueItem) and made.runs(item):
            self._running.begin(made.token(item))
            self._speaker = None
            yield ServerToolStarted(text_at(item, "name") or made.kind)

    def _name(self, call: CallItem, item: JSONObject) -> Iterator[StreamEvent]:
        """Announce a call, once its name and id are known."""
        name, call_id = spoken_at(item, "name") or "", spoken_at(item, "call_id") or text_at(item, "id")
        if not name or not call_id:
            return
        chosen, repeats = self._call_ids.choose(call_id, self.response_key or key_of(call_id))
        if (excess := excess_of_names(name, call_id)) is not None:
            self.defect = excess
        elif (defect := self._call_ids.admit(chosen)) is not None:
            self.defect = defect
        else:
            self.ignored[Ignored.CALL_ID_AGAIN] += repeats is not None
            self._held.hold(len(name) + len(call_id))
            self._aliases[call_id] = call.index
            self._speaker = None
            yield from call.announce(chosen, name, call_id)

    def _contradicts(self, known: Item, item: JSONObject) -> bool:
        """Whether a call that is told again has another name, which is a defect."""
        if isinstance(known, CallItem) and known.is_same(item) and known.renames(text_at(item, "name")):
            self.defect = "seen another name of a call that has one; expected one name a call"
        return self.defect is not None

    def _speak(self, item: SpokenItem, text: str) -> Iterator[StreamEvent]:
        """Say a text; the block of another item that was speaking ends before it."""
        if not text:
            return
        if self._waiting:
            yield from self._go_on(item)
        if self._speaker not in (None, item):
            yield BlockStop()
        self._speaker = item
        yield ReasoningDelta(text) if item.kind == "reasoning" else TextDelta(text)

    def _close(self, known: Item, item: JSONObject) -> Iterator[StreamEvent]:
        known.is_closed = True
        self._leave(known)
        match known:
            case SpokenItem():
                yield from self._close_spoken(known, item)
            case CallItem():
                yield from self._close_call(known, item, is_cut=text_at(item, "status") == "incomplete")
            case OpaqueItem():
                yield from self._close_opaque(known, item)

    def _close_spoken(self, known: SpokenItem, item: JSONObject) -> Iterator[StreamEvent]:
        self.is_refused = self.is_refused or known.refuses(item)
        yield from self._speak(known, known.close(item))  # nothing, where it has a defect
        self.defect = known.defect
        is_signed = known.kind == "reasoning" and bool(text_at(item, "encrypted_content"))
        if is_signed:
            if self._speaker not in (None, known):
                yield BlockStop()
            yield ReasoningSignature(write_json({"type": known.kind, **item}))
        if is_signed or self._speaker is known:
            self._speaker = None
            yield BlockStop()

    def _close_call(
        self, call: CallItem, item: JSONObject, *, is_cut: bool, is_end: bool = False
    ) -> Iterator[StreamEvent]:
        self.ignored[Ignored.NULL_ARGUMENTS] += text_at(item, CALL_KINDS[call.kind]) == "null"
        if not call.is_announced:
            yield from self._name(call, item)
        if not call.is_announced and self.defect is None:
            self.defect = "seen a call without a name; expected name and call_id"
        if self.defect is not None:
            return
        if not is_cut and not is_end and call.wait(item):
            self._wait(call)
            return
        yield from call.close(item, is_cut=is_cut)
        self.defect = call.defect

    def _go_on(self, item: Item) -> Iterator[StreamEvent]:
        """Close the calls without arguments before an item that is said: the ceiling, had it cut them, ended it all."""
        if not self._waiting or item.index < self._waiting_min:
            return
        for call in [call for call in self._waiting.values() if call.index <= item.index]:
            del self._waiting[call.index]
            self._leave(call)
            yield from call.close({}, is_cut=False)
        self._waiting_min = min(self._waiting, default=0)

    def _wait(self, call: CallItem) -> None:
        """Keep a call that ended without arguments; it is open still, for a cursor."""
        self._waiting_min = min(self._waiting_min, call.index) if self._waiting else call.index
        self._waiting[call.index] = self._open[call.index] = call

    def _leave(self, item: Item) -> None:
        """Leave an item that ended out of what a cursor carries; another may stand at its index by now."""
        self._places.leave(item)
        if self._open.get(item.index) is item:
            del self._open[item.index]

    def _end_item(self, known: Item, told: JSONObject, *, is_whole: bool) -> Iterator[StreamEvent]:
        is_other = text_at(told, "type") != known.kind or (isinstance(known, CallItem) and not known.is_same(told))
        final: JSONObject = {} if is_other else told
        if isinstance(known, CallItem):
            yield from self._end_call(known, final, is_whole=is_whole)
        elif final or isinstance(known, SpokenItem):
            yield from self._close(known, final)

    def _end_call(self, call: CallItem, final: JSONObject, *, is_whole: bool) -> Iterator[StreamEvent]:
        """Close a call that only the answer's end closes: it is whole only if its arguments may be."""
        call.is_closed = True
        if not is_whole and not call.is_announced and not text_at(final, "name"):
            return
        has_said = call.has_said or call.is_waiting or bool(call.arguments_in(final))
        yield from self._close_call(call, final, is_cut=not (is_whole and has_said), is_end=True)

    def _close_opaque(self, known: OpaqueItem, item: JSONObject) -> Iterator[StreamEvent]:
        token = known.token(item)
        closes = token in self._running and (not known.has_output or not known.runs(item))
        if closes:
            self._running.end(token)
        self._speaker = None
        data: JSONObject = {"type": known.kind, **item}
        # Several may run at once, and the fold knows of one: only the last to end says that none runs any more.
        yield OpaqueBlockReceived(
            OpaqueBlock(known.kind, data, self._origin), closes_server_tool=closes and not self._running
        )
