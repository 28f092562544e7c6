"""The end of a Chat Completions stream: which finish word counts, and what it says of the calls before it.

Rules:
- A finish word that stands alone in its chunk counts at once. One that came with text or a call in its chunk may stand
  on every chunk of its gateway (su-kaka/gcli2api#403), so it waits for `[DONE]`; and once more was said behind a word,
  all words of the response do. Where calls alone came with it, and all are whole, the body's end will do.
- A word that nobody knows counts at the end as well, if that was in order: the answer's end is then `OTHER`.
- A call at a ceiling or a filter is cut, whatever its arguments look like. At another word that does not say that it is
  whole, it is if they are an object and, where nobody knows the word, `[DONE]` follows. `[DONE]` without a word closes
  such calls too, and ends the answer if all are.
- A gateway's "stop" or "tool_calls" may stand before its upstream's own word, which is then the one that counts: a
  fault, a ceiling, a filter (OpenRouter's `native_finish_reason`: OleksandrChekhovskyi/hax#15).
"""

from __future__ import annotations

from attrs import frozen

from ...engine.core.json_value import JSONObject
from ...engine.core.stop import StopReason
from ..wire.finish_words import STRICTER_STOPS, WHOLE_STOPS, fault_of, is_fault, stop_of

_ALL_IS_WELL = frozenset({StopReason.END_TURN, StopReason.TOOL_USE, StopReason.OTHER})


@frozen
class Finish:
    """A finish word, the reason that it gives, and the fault that it or the one behind it names."""

    word: str
    reason: StopReason
    fault: JSONObject | None = None

    @classmethod
    def read(cls, word: str, native: str) -> Finish:
        """Read a word, and the one of the gateway's upstream, "" where there is none."""
        for said, where in ((word, "finish reason"), (native, "native finish reason")):
            if is_fault(said):
                return cls(word, StopReason.OTHER, fault_of(said, where))
        reason, behind = stop_of(word), stop_of(native)
        return cls(word, behind if reason in _ALL_IS_WELL and behind in STRICTER_STOPS else reason)

    @property
    def is_whole(self) -> bool:
        """Whether it says that the calls before it are whole."""
        return self.reason in WHOLE_STOPS

    def spares_objects(self, *, has_mark: bool) -> bool:
        """Whether the last call is whole if its arguments are an object; `has_mark` says that `[DONE]` follows."""
        return self.reason not in STRICTER_STOPS and (has_mark or self.reason is not StopReason.OTHER)


class Ending:
    """The finish words of one response. `last` is the one that nothing was said behind."""

    __slots__ = ("_has_calls", "_has_text", "_is_cheap", "counts", "last", "response_id")

    def __init__(self) -> None:
        self.last: Finish | None = None
        self.counts: bool = False
        """Whether `last` counts, whatever follows."""
        self.response_id: str = ""
        self._has_text = self._has_calls = self._is_cheap = False

    def is_of_another(self, response_id: str) -> bool:
        """Whether a chunk behind a finish word belongs to another answer: its id is none of this one's."""
        return self.counts and bool(response_id and self.response_id) and response_id != self.response_id

    def say_more(self) -> None:
        """Take that something is said: a word before it was not the end."""
        if self.last is not None:
            self.last, self.counts, self._is_cheap = None, False, True

    def take(self, finish: Finish, *, has_text: bool, has_calls: bool) -> bool:
        """Take a finish word, and what came in its chunk; whether it counts at once."""
        self.last, self._has_text, self._has_calls = finish, has_text, has_calls
        is_known = finish.reason is not StopReason.OTHER
        self.counts = is_known and not (has_text or has_calls or self._is_cheap)
        return self.counts

    def counts_at_end(self, *, are_calls_whole: bool, is_broken: bool) -> bool:
        """Whether the word counts at the end of the body, without `[DONE]`."""
        if self.last is None or self._has_text or self._is_cheap or (self._has_calls and not are_calls_whole):
            return False
        return not (is_broken and self.last.reason is StopReason.OTHER)
