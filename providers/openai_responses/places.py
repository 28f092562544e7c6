"""Which item of a response stands at an `output_index`: one as a rule, and several where a bridge lets them share it.

LiteLLM's begins the message at the index of the reasoning item before that has ended (BerriAI/litellm#36375, #38654).
Items that share an index are told apart by their ids, and by their kinds where ids change on every event (Copilot's
proxy). An event that could speak of several has two meanings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...engine.core.held_bytes import HeldBytes
from ...engine.core.json_value import JSONObject
from ..wire.json import text_at
from .items import CallItem, Item


class Places:
    """The items of a response: the last that began at each index, and `aside`, open ones that another displaced."""

    __slots__ = ("aside", "latest")

    def __init__(self) -> None:
        self.latest: dict[int, Item] = {}
        self.aside: list[Item] = []

    def put(self, item: Item) -> None:
        """Let an item begin at its index."""
        before = self.latest.get(item.index)
        if before is not None and not before.is_closed:
            self.aside.append(before)
        self.latest[item.index] = item

    def leave(self, item: Item) -> None:
        """Take that an item has ended."""
        self.aside = [other for other in self.aside if other is not item]

    def may_share(self, known: Item, told: JSONObject) -> bool:
        """Whether an item that begins at the index of an open one is another: neither its id nor its kind is the same.

        Of two calls both ids differ: that of the item, and that of the call.
        """
        item_id, call_id = text_at(told, "id"), text_at(told, "call_id")
        if not item_id or item_id == known.item_id:
            return False
        if isinstance(known, CallItem) and text_at(told, "type") == known.kind:
            return bool(known.item_id and known.given_id and call_id) and call_id != known.given_id
        return text_at(told, "type") != known.kind

    def find(self, index: int, kind: str, *aliases: str) -> list[Item]:
        """Return the items that an event may speak of."""
        if not self.aside:
            return [self.latest[index]] if index in self.latest else []
        shared = [item for item in self.aside if item.index == index]
        if index in self.latest:
            shared.append(self.latest[index])
        named = [item for item in shared if any(alias and alias in names_of(item) for alias in aliases)]
        alike = [item for item in shared if item.kind == kind and not item.is_closed]
        return named or alike or shared[-1:]


class RunningTools:
    """The tools of the provider's own that may run, by what ties their beginning to their end; counted in `held`."""

    __slots__ = ("_held", "_tokens")

    def __init__(self, held: HeldBytes, tokens: Iterable[str]) -> None:
        self._held = held
        self._tokens = dict.fromkeys(tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def begin(self, token: str) -> None:
        """Note a tool that may run until something ends it."""
        if token not in self._tokens:
            self._tokens[token] = None
            self._held.hold(len(token))

    def end(self, token: str) -> None:
        """Note that it runs no more."""
        del self._tokens[token]
        self._held.release(len(token))


def names_of(item: Item) -> tuple[str, ...]:
    """Return the ids that events may name an item by."""
    return (item.item_id, item.given_id) if isinstance(item, CallItem) else (item.item_id,)


def is_told_again(known: Item, index: int | None, item: JSONObject) -> bool:
    """Whether an item that ended is told once more; a call of the same id elsewhere is another one."""
    is_elsewhere = index is not None and index != known.index
    return known.is_same(item) and not (isinstance(known, CallItem) and is_elsewhere)
