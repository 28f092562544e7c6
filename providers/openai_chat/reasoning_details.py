"""What a model thought, kept to be sent back as it came: in `reasoning_details`, or in `reasoning_content`.

Each item becomes one block of reasoning, in order. What is beside its text (type, format, id, index, signature) is the
block's opaque signature, as JSON; an item that has no text (encrypted, of a server-side tool) is the block's sealed
data, as JSON. Fragments of one text (same type, index and id) join: the texts are put together, of the other fields the
last counts.

Details are OpenRouter's and MiniMax's. Without them, thoughts that came as `reasoning_content` go back so on turns with
calls: Kimi answers 400 to one without them ("thinking is enabled but reasoning_content is missing in assistant tool
call message at index 2"). Servers that call the field otherwise are not sent it: some refuse what they do not know.

Source: openrouter.ai/docs "Reasoning tokens", "Preserving reasoning blocks"; wire-formats §3.1; recordings (2026-11).
MiniMax: platform.minimax.io/docs text-openai-api, MiniMax-AI/MiniMax-M2 #95 (fragments, not the whole each time),
lidge-jun/opencodex #3132. Kimi: platform.moonshot.ai/docs use-kimi-k2-thinking-model, anomalyco/opencode #10996,
bytedance/deer-flow #3043; an empty one stands for thoughts of others (Lapis0x0/obsidian-yolo #243).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.messages import Message, ReasoningBlock, ToolCall
from ...engine.core.request import InferenceRequest
from ...engine.core.stream_events import BlockStop, ReasoningSignature, RedactedReasoning, StreamEvent
from ..wire.json import held_bytes_of, list_at, read_object, text_at, write_json
from ..wire.spoken import spoken_at
from .dialect import Item

_KIMI = re.compile(r"\bkimi\b|\bk2p\d", re.IGNORECASE)
_TEXTS = {"reasoning.text": "text", "reasoning.summary": "summary"}


class DetailTracker:
    """The items of one response; the open one counts in `held`."""

    __slots__ = ("_held", "_item", "_item_bytes")

    def __init__(self, held: HeldBytes) -> None:
        self._held = held
        self._item_bytes = 0
        self._item: Item | None = None

    @property
    def is_open(self) -> bool:
        """Whether an item waits for its end."""
        return self._item is not None

    def continues(self, detail: JSONObject) -> bool:
        """Whether a fragment belongs to the open item; an id may come late."""
        item = self._item
        if item is None or text_at(detail, "type") not in _TEXTS:
            return False
        if any(item.get(key) != detail.get(key) for key in ("type", "index")):
            return False
        return item.get("id") is None or detail.get("id") in (None, item.get("id"))

    def add(self, detail: JSONObject) -> str | None:
        """Take a new item, or a fragment that `continues`; return the text it says, None for what is no text."""
        key = _TEXTS.get(text_at(detail, "type"), "")
        rest = {name: value for name, value in detail.items() if name != key}
        if self._item is None:
            self._item = new = rest
        else:  # most fragments say again what the first one said
            item = self._item
            new = {name: value for name, value in rest.items() if value is not None and item.get(name) != value}
            self._item |= new
        if new:
            held_bytes = held_bytes_of(new)
            self._item_bytes += held_bytes
            self._held.hold(held_bytes)
        return spoken_at(detail, key)

    def close(self) -> Iterator[StreamEvent]:
        """End the open item: sign its text, or give it whole."""
        item, self._item = self._item, None
        self._held.release(self._item_bytes)
        self._item_bytes = 0
        if item is None:
            return
        if text_at(item, "type") in _TEXTS:
            yield ReasoningSignature(write_json(item))
            yield BlockStop()
        else:
            yield RedactedReasoning(write_json(item))


def details_of(delta: JSONObject, detail_format: str | None, ignored: Counter[str]) -> list[JSONObject]:
    """Return the items that a delta holds of a format, by its beginning, and those that name none; None reads none."""
    if detail_format is None:
        return []
    found = list_at(delta, "reasoning_details")
    items = [item for item in found if isinstance(item, dict)]
    if len(items) < len(found):
        ignored[Ignored.UNKNOWN_PART] += len(found) - len(items)
    return [item for item in items if not (named := text_at(item, "format")) or named.startswith(detail_format)]


def replay_details(message: Message, origin: str) -> Item:
    """Write the reasoning of a turn as it came, if it came from `origin`."""
    details: list[JSONValue] = []
    for block in message.content:
        if not isinstance(block, ReasoningBlock) or block.origin != origin:
            continue
        item = read_object(block.redacted or block.signature or "")
        if isinstance(item, str):
            continue  # an interrupted thought, or none of ours
        if block.redacted is None:
            item = {**item, _TEXTS.get(text_at(item, "type"), "text"): block.text}
        details.append(item)
    return {"reasoning_details": details} if details else {}


def replay_as_it_came(_request: InferenceRequest, message: Message, origin: str) -> Item:
    """Write the thoughts of a turn in the fields in which they came, if they came from `origin`."""
    if details := replay_details(message, origin):
        return details
    if not any(isinstance(block, ToolCall) for block in message.content):
        return {}
    thoughts = [block for block in message.content if isinstance(block, ReasoningBlock) and block.origin == origin]
    if not any(block.came_as == "reasoning_content" for block in thoughts) and _KIMI.search(origin) is None:
        return {}
    return {"reasoning_content": "".join(block.text for block in thoughts)}
