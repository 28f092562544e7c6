"""The baseline: a client that reads with a timeout, and starts the answer over when it breaks. Computed, not run."""

from __future__ import annotations

from math import inf

from attrs import field, frozen

from ...core.validators import at_least, count
from .record import AnswerRecord, Asked
from .script import Script, World, script_of


@frozen(kw_only=True)
class PlainClient:
    """A client with a read timeout, as most are: any byte is life, a ping too; what broke is asked anew.

    Attributes:
        read_timeout_s: the longest wait for a byte (httpx: 5 s; openai-python, anthropic: 600 s).
        attempts_max: requests of one answer (openai-python: 1 + 2).
        delay_s: between them (openai-python begins with 0.5 s).
    """

    read_timeout_s: float = field(default=60.0, validator=at_least(0))
    attempts_max: int = field(default=3, validator=count())
    delay_s: float = field(default=0.5, validator=at_least(0))

    def answer(self, world: World, number: int) -> AnswerRecord:
        """Read one answer, as far as it comes."""
        record, now = AnswerRecord(world.words), 0.0
        for request in range(self.attempts_max):
            if request:
                now += self.delay_s
                record.show(now, 0)
            script = script_of(world, number, request, 0)
            asked = Asked(script, now)
            record.asked.append(asked)
            now = self._read(script, asked, record, world.gaps.pings_s)
            asked.left_s = now
            if asked.ended and not script.is_closed:
                record.whole = True
                break
        record.ended_s = now
        return record

    def patience_s(self, pings_s: float | None) -> float:
        """Return the longest gap between words that it waits for, where life signs come so far apart."""
        return inf if pings_s is not None and pings_s <= self.read_timeout_s else self.read_timeout_s

    def _read(self, script: Script, asked: Asked, record: AnswerRecord, pings_s: float | None) -> float:
        """Read one request's answer; return when it was over."""
        patience = self.patience_s(pings_s)
        for at_s, words in script.reads():
            now = asked.asked_s + at_s
            if now - asked.last_s > patience:
                return asked.last_s + patience
            asked.said, asked.last_s = words, now
            record.show(now, words)
        if script.ends or script.is_closed:
            asked.ended = True
            return asked.last_s
        return asked.last_s + self.read_timeout_s  # a connection that died pings no more
