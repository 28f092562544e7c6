"""One item of a response's output: what its deltas add, and what its provider's whole text, given later, adds to them.

Rules:
- What `.done` and `output_item.done` say counts most. Where it begins with what the deltas said, the rest is said now:
  some servers send no deltas at all. Text that contradicts its deltas was shown and stays; arguments that do replace
  the fragments when the call closes (`BlockStop.arguments`), for fragments are for display only.
- Nothing is kept of what was said but its length and checksum: memory stays flat, and a cursor can hold both.
- The free text of a custom tool's call is the argument `input` of an ordinary one, escaped fragment by fragment.
- A tool of the provider's own runs from `output_item.added` to its done item, or to its output item where it has one.

Source: wire-formats §4.2 (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias
from zlib import crc32

from ...engine.core.answer_blocks import Parts
from ...engine.core.held_bytes import HeldBytes
from ...engine.core.json_value import JSONObject
from ...engine.core.policy import Limits
from ...engine.core.printable import named
from ...engine.core.stream_events import BlockStop, StreamEvent, ToolCallDelta, ToolCallStart
from ..wire.call_bounds import ArgumentsBound
from ..wire.json import list_at, object_at, text_at, write_json
from ..wire.surrogates import SurrogateJoiner
from .cursor import PARTS_MAX, OpenItem, SaidState

CALL_KINDS = {"function_call": "arguments", "custom_tool_call": "input"}
"""The kinds of call that the caller answers, and where their item holds the whole of what was asked."""

SPOKEN_KINDS = frozenset({"message", "reasoning"})

OUTPUT_KINDS = {
    "shell_call_output": "shell_call",
    "program_output": "program",
    "tool_search_output": "tool_search_call",
}
"""Items that end what another item began; `call_id` ties them."""

PIECE_BYTES = 128
"""What a short text that is kept by itself takes beside its characters: an object, and its place in a list or dict."""

_CALLERS_KINDS = frozenset({"computer_call", "local_shell_call", "apply_patch_call"})
"""Calls that only the caller can carry out: nothing runs at the provider's."""


class SaidText:
    """A text that is said in fragments, and can be held against the whole."""

    __slots__ = ("_chars", "_checksum", "_joiner")

    def __init__(self, state: SaidState | None = None) -> None:
        state = state or SaidState()
        self._chars, self._checksum = state.chars, state.checksum
        self._joiner = SurrogateJoiner()
        self._joiner.held = state.half

    @property
    def state(self) -> SaidState:
        """What a cursor holds of it."""
        return SaidState(self._chars, self._checksum, self._joiner.held)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said yet."""
        return not self._chars

    def take(self, fragment: str) -> str:
        """Take the next fragment; return what is whole of it."""
        return self.note(self._joiner.take(fragment))

    def note(self, text: str) -> str:
        """Count a text that is said."""
        self._chars += len(text)
        self._checksum = crc32(text.encode(), self._checksum)
        return text

    def flush(self) -> str:
        """Return what stands for half a character whose pair never came."""
        return self.note(self._joiner.flush())

    def rest_of(self, whole: str) -> str | None:
        """Return what `whole` adds to what was said, and count it; None where it does not begin with that."""
        joiner = SurrogateJoiner()
        text = joiner.take(whole) + joiner.flush()
        if len(text) < self._chars or crc32(text[: self._chars].encode()) != self._checksum:
            return None
        self._joiner.held = ""
        return self.note(text[self._chars :])


class SpokenItem:
    """A message or a reasoning item: texts in parts, one after the other. `defect` says what could not be said."""

    def __init__(
        self, index: int, kind: str, item_id: str, limits: Limits, held: HeldBytes, state: OpenItem | None = None
    ) -> None:
        self.index: int = index
        self.kind: str = kind
        self.item_id: str = item_id
        self.is_closed: bool = False
        self.defect: str | None = None
        state = state or OpenItem(index, kind)
        self._held = held
        self._parts_max = limits.blocks_max
        self._parts = dict.fromkeys(state.parts)
        self._part, self._is_part_done = state.part, state.is_done
        self._part_said, self._said = SaidText(state.part_said), SaidText(state.said)

    @property
    def state(self) -> OpenItem | None:
        """What a cursor holds of it; None where that would be too many parts."""
        if len(self._parts) > PARTS_MAX:
            return None
        said, part_said = self._said.state, self._part_said.state
        return OpenItem(
            self.index, self.kind, self.item_id, said, self._is_part_done,
            part=self._part, part_said=part_said, parts=tuple(self._parts),
        )  # fmt: skip

    @property
    def said(self) -> tuple[str, SaidState]:
        """What is the same of two items that said the same, whatever their ids."""
        return self.kind, self._said.state

    def is_same(self, item: JSONObject) -> bool:
        """Whether another event speaks of this item; its index is the same already."""
        item_id = text_at(item, "id")
        return text_at(item, "type") == self.kind and (not self.item_id or not item_id or self.item_id == item_id)

    def take_delta(self, part: str, fragment: str) -> str:
        """Take a fragment of a part; return what is said."""
        before = "" if part == self._part else self._begin(part)
        if self._is_part_done:
            self.defect = f"seen more of a {named(self.kind)}'s text after its end; expected none"
            return ""
        return self._said.note(before + self._part_said.take(fragment))

    def take_whole(self, part: str, whole: str) -> str:
        """Take the whole text of a part; return what it adds."""
        if part != self._part:
            if part in self._parts:
                return ""
            self._said.note(before := self._begin(part))
        else:
            before = ""
        if self._is_part_done:
            return before
        self._is_part_done = True
        rest = self._part_said.rest_of(whole)
        return before + self._said.note(self._part_said.flush() if rest is None else rest)

    def close(self, item: JSONObject) -> str:
        """Take the whole item; return what it adds to all that was said."""
        rest = self._said.rest_of("".join(self._texts(item)))
        self._held.release(sum(map(_piece_bytes, self._parts)))
        self._parts.clear()
        return self._said.note(self._part_said.flush()) if rest is None else rest

    def refuses(self, item: JSONObject) -> bool:
        """Whether the model refused here."""
        return any(text_at(part, "type") == "refusal" for part in _objects(item, "content"))

    def _begin(self, part: str) -> str:
        """Begin a part; return what was left of the part before it."""
        rest = self._part_said.flush()
        self._part, self._is_part_done, self._part_said = part, False, SaidText()
        if part not in self._parts:
            self._parts[part] = None
            self._held.hold(_piece_bytes(part))
        if len(self._parts) > self._parts_max:
            self.defect = f"seen more than {self._parts_max} parts of an item; expected at most that (blocks_max)"
        return rest

    def _texts(self, item: JSONObject) -> list[str]:
        """Give the item's texts; of a reasoning item, those of the kind that was streamed, else its summary."""
        contents = [text_at(part, "text") or text_at(part, "refusal") for part in _objects(item, "content")]
        if self.kind == "message":
            return contents
        summary = [text_at(part, "text") for part in _objects(item, "summary")]
        streams_content = any(not part.startswith("summary") for part in self._parts)
        return contents if streams_content or not any(summary) else summary


class CallItem:
    """A call that the caller answers. It is announced once its id and name are known.

    `given_id` is the provider's; `call_id` is another one where that is the id of an earlier call.
    """

    def __init__(
        self, index: int, kind: str, item_id: str, limits: Limits, held: HeldBytes, state: OpenItem | None = None
    ) -> None:
        self.index: int = index
        self.kind: str = kind
        self.item_id: str = item_id
        self.is_closed: bool = False
        self.defect: str | None = None
        state = state or OpenItem(index, kind)
        self._held, self._held_bytes = held, 0
        self.call_id: str = state.call_id
        self.given_id: str = state.given_id or state.call_id
        self.name: str = state.name
        self._is_done = state.is_done
        self._said = SaidText(state.said)
        self._bound = ArgumentsBound(limits, state.said.chars)
        self._early = Parts()
        self._whole: str | None = None

    @property
    def is_announced(self) -> bool:
        """Whether its start was given."""
        return bool(self.call_id)

    @property
    def has_said(self) -> bool:
        """Whether any of its arguments are known."""
        return not self._said.is_empty or self._whole is not None

    @property
    def is_waiting(self) -> bool:
        """Whether it ended without arguments, so that only what follows can say that nothing cut it."""
        return self._is_done and not self.has_said

    @property
    def state(self) -> OpenItem | None:
        """What a cursor holds of it; None where that would have to be arguments."""
        if self._early.parts or self._whole is not None:
            return None
        said = self._said.state
        given_id = "" if self.given_id == self.call_id else self.given_id
        return OpenItem(
            self.index, self.kind, self.item_id, said, self._is_done, self.call_id, self.name, given_id=given_id
        )

    def is_same(self, item: JSONObject) -> bool:
        """Whether another event speaks of this item; its index is the same already."""
        call_id = text_at(item, "call_id")
        return text_at(item, "type") == self.kind and (not self.given_id or not call_id or self.given_id == call_id)

    def renames(self, name: str) -> bool:
        """Whether this is a name, and not the one it has."""
        return bool(name and self.name) and name != self.name

    def announce(self, call_id: str, name: str, given_id: str) -> Iterator[StreamEvent]:
        """Say that it began, and what came before its name."""
        self.call_id, self.name, self.given_id = call_id, name, given_id
        yield ToolCallStart(call_id, name, self.index)
        if self.kind == "custom_tool_call":
            yield ToolCallDelta(call_id, '{"input":"')
        early, self._early = self._early.read(), Parts()
        self._hold_back(len(self._whole or "") - self._held_bytes)
        yield from self._argue(self._said.take(early))

    def take_delta(self, fragment: str) -> Iterator[StreamEvent]:
        """Take a fragment of the arguments."""
        too_long = self._bound.add(fragment)
        if self._is_done:
            self.defect = "seen more arguments of a call after their end; expected none"
        elif too_long is not None:
            self.defect = too_long
        elif self.is_announced:
            yield from self._argue(self._said.take(fragment))
        else:
            self._early.append(fragment)
            self._hold_back(len(fragment))

    def take_whole(self, whole: str) -> Iterator[StreamEvent]:
        """Take the whole arguments; nothing at all says nothing, and neither does `null`."""
        if not whole or self._is_null(whole):
            return
        if (too_long := self._bound.check_whole(whole)) is not None:
            self.defect = too_long
            return
        self._is_done = True
        rest = self._said.rest_of(whole) if self.is_announced else None
        before, self._whole = self._whole, whole if rest is None else None
        self._hold_back(len(self._whole or "") - len(before or ""))
        yield from self._argue(rest or "")

    def wait(self, item: JSONObject) -> bool:
        """Whether the whole item has no arguments either; the call waits then."""
        self._is_done = self._is_done or not (self.has_said or self.arguments_in(item))
        return self.is_waiting

    def arguments_in(self, item: JSONObject) -> str:
        """Return the arguments that a whole item holds."""
        whole = text_at(item, CALL_KINDS[self.kind])
        return "" if self._is_null(whole) else whole

    def _is_null(self, whole: str) -> bool:
        return whole == "null" and self.kind == "function_call"

    def close(self, item: JSONObject, *, is_cut: bool) -> Iterator[StreamEvent]:
        """Take the whole item, and close the call. `is_cut` says that the end of the answer fell inside it."""
        yield from self.take_whole(text_at(item, CALL_KINDS[self.kind]))
        if self.defect is not None:
            return
        if self._whole is not None and (rest := self._said.rest_of(self._whole)) is not None:
            self._whole = None  # it was given before the name was
            yield from self._argue(rest)
        yield from self._argue(self._said.flush())
        is_custom = self.kind == "custom_tool_call"
        if is_custom and not is_cut:
            yield ToolCallDelta(self.call_id, '"}')
        whole = write_json({"input": self._whole}) if is_custom and self._whole is not None else self._whole
        self._hold_back(-self._held_bytes)
        repeats = None if self.given_id == self.call_id else self.given_id
        yield BlockStop(self.call_id, is_cut=is_cut, arguments=whole, repeats=repeats)

    def _hold_back(self, size_bytes: int) -> None:
        """Count what is kept until the name or the end comes; less than nothing: it is kept no longer."""
        self._held_bytes += size_bytes
        self._held.hold(size_bytes)

    def _argue(self, text: str) -> Iterator[StreamEvent]:
        if text:
            yield ToolCallDelta(self.call_id, write_json(text)[1:-1] if self.kind == "custom_tool_call" else text)


class OpaqueItem:
    """An item that only the provider understands: one of its own tools, mostly. It is kept as it came."""

    def __init__(self, index: int, kind: str, item_id: str) -> None:
        self.index: int = index
        self.kind: str = kind
        self.item_id: str = item_id
        self.is_closed: bool = False

    @property
    def state(self) -> OpenItem:
        """What a cursor holds of it."""
        return OpenItem(self.index, self.kind, self.item_id)

    def is_same(self, item: JSONObject) -> bool:
        """Whether another event speaks of this item; its index is the same already."""
        item_id = text_at(item, "id")
        return text_at(item, "type") == self.kind and (not self.item_id or not item_id or self.item_id == item_id)

    def runs(self, item: JSONObject) -> bool:
        """Whether this is a tool that runs at the provider's; one that is not known is taken for one."""
        if self.kind in _CALLERS_KINDS or text_at(item, "execution") == "client":
            return False
        if text_at(object_at(item, "environment"), "type") == "local":
            return False
        return self.kind.endswith("_call") or self.kind in ("mcp_list_tools", "program")

    def token(self, item: JSONObject) -> str:
        """What ties the item that began a tool's run to the item that ends it."""
        kind = OUTPUT_KINDS.get(self.kind, self.kind)
        call_id = text_at(item, "call_id")
        return f"{kind}/{call_id}" if kind in OUTPUT_KINDS.values() and call_id else f"{self.kind}/{self.index}"

    @property
    def has_output(self) -> bool:
        """Whether another item, its output, ends what this one began."""
        return self.kind in OUTPUT_KINDS.values()


Item: TypeAlias = SpokenItem | CallItem | OpaqueItem


def new_item(
    index: int, kind: str, item_id: str, limits: Limits, held: HeldBytes, state: OpenItem | None = None
) -> Item:
    """Make an item of a kind; `state` is what a cursor held of it."""
    if kind in CALL_KINDS:
        return CallItem(index, kind, item_id, limits, held, state)
    if kind in SPOKEN_KINDS:
        return SpokenItem(index, kind, item_id, limits, held, state)
    return OpaqueItem(index, kind, item_id)


def _objects(item: JSONObject, key: str) -> Sequence[JSONObject]:
    return [part for part in list_at(item, key) if isinstance(part, dict)]


def _piece_bytes(piece: str) -> int:
    return len(piece) + PIECE_BYTES
