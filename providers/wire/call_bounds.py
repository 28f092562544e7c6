"""The ids and bounds of the calls of one response: no id is used twice, and calls and their arguments are not endless.

A check answers with a defect, what was seen and what was expected, or with None.
"""

from __future__ import annotations

from ...engine.core.answer_blocks import size_bytes
from ...engine.core.policy import Limits


class ArgumentsBound:
    """Counts the arguments of one call; `said_bytes` came before."""

    __slots__ = ("_bytes_max", "_said_bytes")

    def __init__(self, limits: Limits, said_bytes: int = 0) -> None:
        self._bytes_max = limits.arguments_bytes_max
        self._said_bytes = said_bytes

    def add(self, fragment: str) -> str | None:
        """Count a fragment."""
        self._said_bytes += size_bytes(fragment)
        return self._too_long() if self._said_bytes > self._bytes_max else None

    def check_whole(self, arguments: str) -> str | None:
        """Check arguments that came whole, whatever came before."""
        return self._too_long() if size_bytes(arguments) > self._bytes_max else None

    def _too_long(self) -> str:
        return f"seen arguments longer than {self._bytes_max} bytes; expected at most that (arguments_bytes_max)"


class CallIds:
    """The ids of all calls of one response."""

    __slots__ = ("_calls_max", "_ids")

    def __init__(self, limits: Limits) -> None:
        self._calls_max = limits.calls_max
        self._ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def choose(self, given: str, response_key: str, prefix: str = "call_", mark: str = "_") -> tuple[str, str | None]:
        """Return the id that a call gets, and the one it was given if that is another's.

        Made-up ids hold what is the response's own, so that they are unique in a conversation.
        """
        if given and given not in self._ids:
            return given, None
        number = len(self._ids)
        while (made := f"{prefix}{response_key}{mark}{number}") in self._ids:
            number += 1
        return made, given or None

    def admit(self, call_id: str) -> str | None:
        """Take the id of a call that begins."""
        if call_id in self._ids:
            return "seen the id of a call twice; expected each once"
        if len(self._ids) >= self._calls_max:
            return f"seen more than {self._calls_max} calls; expected at most that (calls_max)"
        self._ids.add(call_id)
        return None

    def resume(self, call_id: str) -> None:
        """Take the id of a call that began before a cursor."""
        self._ids.add(call_id)

    def clear(self) -> None:
        """Forget all: another answer begins."""
        self._ids.clear()


def key_of(response_id: str) -> str:
    """Return what an id that is made up holds of a response's: what any API takes in one, and no more than it takes."""
    return "".join(char for char in response_id if char.isascii() and char.isalnum())[-_KEY_CHARS_MAX:]


_KEY_CHARS_MAX = 40
"""Call ids of 64 characters are taken by all (OpenAI refuses longer ones)."""
