"""The end of a Responses stream: what its status and reason say, and what else may say that an item was the last."""

from __future__ import annotations

from ...engine.core.framing import ServerSentEvent
from ...engine.core.json_value import JSONObject
from ...engine.core.stop import StopReason
from ..wire.finish_words import STRICTER_STOPS, fault_of, is_fault, stop_of
from ..wire.json import list_at, text_at

INCOMPLETE = {"max_output_tokens": StopReason.MAX_TOKENS, "content_filter": StopReason.CONTENT_FILTER}
"""The format's own reasons; those that gateways let through are `finish_words`."""

_HEAD_CHARS = 64


def word_of(word: str, status: str, detail: str) -> str:
    """Return how a response ended, whatever its event is called: a fault or a ceiling may stand behind `completed`."""
    if word != "cancelled" and (is_fault(detail) or (is_fault(status) and status != "cancelled")):
        return "failed"
    return "incomplete" if word == "completed" and stop_of(detail) in STRICTER_STOPS else word


def fault_behind(status: str, detail: str) -> JSONObject:
    """Write why a response failed that has no error of its own."""
    if is_fault(detail):
        return fault_of(detail, "reason")
    return {"message": "the response failed without an error"}


def is_half_end(cut: ServerSentEvent) -> bool:
    """Whether a frame that was cut was to be the answer's end: some proxies drop the last bytes of every body."""
    return cut.event == "response.completed" or '"response.completed"' in cut.data[:_HEAD_CHARS]


def is_half_mark(cut: ServerSentEvent) -> bool:
    """Whether a frame that was cut was to be `[DONE]`, which proves nothing, or has nothing in it."""
    return "[DONE]".startswith(cut.data.strip())


class Ending:
    """Whether the item that ended last is known to be the answer's last.

    Only its phase says so. Any other message may be followed by another one (recorded: two messages without a phase),
    or by a call; behind the beginning of the answer's end it is the last, if the response names no tools.
    """

    __slots__ = ("_has_tools", "_is_final", "_is_whole", "is_half_told")

    def __init__(self) -> None:
        self.is_half_told: bool = False
        """Whether the end was told, and cut inside."""
        self._has_tools = self._is_final = self._is_whole = False

    def take_response(self, response: JSONObject) -> None:
        """Take what the response says of its request: with tools, a call may follow any message."""
        self._has_tools = self._has_tools or bool(list_at(response, "tools"))

    def take_item(self, item: JSONObject) -> None:
        """Take an item that ended."""
        self._is_whole = text_at(item, "type") == "message" and text_at(item, "status") in ("completed", "")
        self._is_final = text_at(item, "phase") == "final_answer"

    @property
    def is_last_item(self) -> bool:
        """Whether the item that ended last is whole, and nothing follows it."""
        return self._is_whole and (self._is_final or (self.is_half_told and not self._has_tools))
