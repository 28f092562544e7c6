"""What a server says beside a call and wants back beside it: `extra_content`, in which Gemini's signatures are.

Gemini 3 signs the first call of each step on its Chat endpoint (`extra_content.google.thought_signature`; behind Vertex
`extra_content.vertex`), and answers 400 to a turn whose call comes back without it. It is kept whole and unread, as an
opaque block that names its call, and is given before the call is closed: whoever holds the call holds it too.

Source: noho/dayu-agent #45 (captured streams: whole, without an index), earendil-works/pi #6733 (Vertex),
langchain-ai/langchain #37347 (2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...engine.core.held_bytes import HeldBytes
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.messages import Message, OpaqueBlock
from ...engine.core.stream_events import OpaqueBlockReceived
from ..wire.json import held_bytes_of, object_at, text_at

KIND = "beside_call"
"""What such a block is called; the name is ours."""


class BesideCalls:
    """The extra content of one response's calls. What waits for the end of its call counts in `held`.

    Args:
        origin: whose answer this is; without one, nothing is kept.
        held: the bound on what is held.
    """

    __slots__ = ("_extra", "_held", "_origin")

    def __init__(self, origin: str, held: HeldBytes) -> None:
        self._origin = origin
        self._held = held
        self._extra: dict[str, dict[str, JSONValue]] = {}

    def note(self, call_id: str, fragment: JSONObject) -> None:
        """Take what a fragment of a call says beside it; of two that have one name the last counts."""
        extra = object_at(fragment, "extra_content")
        if extra and self._origin:
            self._held.hold(held_bytes_of(extra))
            self._extra.setdefault(call_id, {}).update(extra)

    def give(self, call_id: str) -> Iterator[OpaqueBlockReceived]:
        """Give what was said beside a call that is whole, if anything was."""
        if extra := self._extra.pop(call_id, None):
            self._held.release(held_bytes_of(extra))
            data: JSONObject = {"tool_call_id": call_id, "extra_content": extra}
            yield OpaqueBlockReceived(OpaqueBlock(KIND, data, self._origin))


def extra_of_calls(message: Message, origin: str) -> Mapping[str, JSONObject]:
    """Return what goes back beside the calls of a turn that came from `origin`, by their ids."""
    blocks = (block for block in message.content if isinstance(block, OpaqueBlock))
    kept = (block.data for block in blocks if block.kind == KIND and block.origin == origin)
    return {text_at(data, "tool_call_id"): object_at(data, "extra_content") for data in kept}
