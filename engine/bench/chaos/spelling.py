"""Faults as people write them: `KIND[@PLACE][:ARGUMENT][%ODDS][#TIMES]`, `stall@120tok:30s%25` say.

    PLACE     NUMBER and tok (about 4 characters of what the model says), ev (events, or lines), b, kb or mb (bytes,
              by thousands), or % (share of a body whose length is known); or end; or 0
    ARGUMENT  a time (250ms, 30s, 2m), or a status for error, overloaded and status
    ODDS      percent of the requests it is drawn for, 100 if left out
    TIMES     how often it is played at most, without bound if left out

Kinds are those of the testing kit (`FaultKind`), by the words that its server has for them (`SERVER_WORDS`).
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import pairwise
from typing import NoReturn

from attrs import evolve, frozen

from ...core.printable import printable
from ...core.usage_error import UsageError
from ...testing.script.faults import Fault
from ...testing.script.faults import FaultKind as K

SECONDS_MAX = 86_400.0
"""The longest time a fault may name: a day."""

CHARS_MAX = 80
"""The longest spelling that is read; what is longer is none."""

BYTES_OF = {"b": 1, "kb": 1_000, "mb": 1_000_000}
"""What the units of bytes count."""


class Unit(StrEnum):
    """What a place counts."""

    TOKENS = "tok"
    EVENTS = "ev"
    BYTES = "b"
    SHARE = "%"
    END = "end"


@frozen
class Place:
    """Where in a body a fault strikes: after so much of it. `spelled` is how it was written."""

    amount: float
    unit: Unit
    spelled: str


class Takes(StrEnum):
    """What stands behind a kind's colon."""

    NOTHING = "nothing"
    SECONDS = "a time"
    STATUS = "a status"


WHOLE = (Unit.TOKENS, Unit.EVENTS, Unit.END)
"""Places between two events: where something may be said that the client is to understand."""

ANYWHERE = (*WHOLE, Unit.BYTES, Unit.SHARE)


@frozen
class Kind:
    """One word of the grammar: what it plays, where it may, and what it does, in a line for a table.

    `fault` is played where nothing else is told. `place` is where it strikes unless told; None for what takes no place.
    """

    fault: Fault
    does: str
    place: Place | None = None
    places: tuple[Unit, ...] = ()
    takes: Takes = Takes.NOTHING
    needs_argument: bool = False


_TENTH = Place(10, Unit.EVENTS, "10ev")
_START = Place(0, Unit.EVENTS, "0")
_LIST = (
    # what ends the answer
    ("reset", Kind(Fault(K.RESET), "the connection is reset (RST)", _TENTH, ANYWHERE)),
    ("half-close", Kind(Fault(K.HALF_CLOSE), "the server closes (FIN) before the end", _TENTH, ANYWHERE)),
    ("premature-end", Kind(Fault(K.PREMATURE_END), "the body ends in order, without the rest", _TENTH, ANYWHERE)),
    ("error", Kind(Fault(K.IN_BAND_ERROR), "an error inside the stream, which ends", _TENTH, WHOLE, Takes.STATUS)),
    ("overloaded", Kind(Fault(K.IN_BAND_ERROR, status=529), "the same, of status 529", _TENTH, WHOLE, Takes.STATUS)),
    ("failed-finish", Kind(Fault(K.FAILED_FINISH), "an end whose finish word names a failure", _TENTH, WHOLE)),
    ("garbage", Kind(Fault(K.GARBAGE), "bytes that are no event, then the body ends", _TENTH, ANYWHERE)),
    # what takes time
    ("stall", Kind(Fault(K.STALL), "silence for so long, then the rest; for ever without a time", _TENTH, ANYWHERE,
                   Takes.SECONDS)),
    ("slow", Kind(Fault(K.DRIP, seconds=0.25), "from there on so long a pause before each event", _START, ANYWHERE,
                  Takes.SECONDS)),
    ("drip", Kind(Fault(K.DRIP, seconds=0.01), "from there on 5 bytes at a time, so far apart", _START, ANYWHERE,
                  Takes.SECONDS)),
    ("pings", Kind(Fault(K.PINGS_ONLY), "from there on only signs of life, so far apart", _TENTH, WHOLE,
                   Takes.SECONDS)),
    ("comments", Kind(Fault(K.COMMENTS_ONLY), "the same, of comments", _TENTH, WHOLE, Takes.SECONDS)),
    ("slow-headers", Kind(Fault(K.SLOW_HEADERS), "so long before the upstream is asked", takes=Takes.SECONDS,
                          needs_argument=True)),
    # what comes between two events
    ("bad-event", Kind(Fault(K.BAD_EVENT), "an event of broken JSON; the rest follows", _TENTH, WHOLE)),
    ("unknown-event", Kind(Fault(K.UNKNOWN_EVENT), "an event of a kind nobody knows; the rest follows", _TENTH, WHOLE)),
    ("duplicate-event", Kind(Fault(K.DUPLICATE_EVENT), "the event before comes twice", _TENTH, WHOLE)),
    ("empty-data", Kind(Fault(K.EMPTY_DATA), "from there on an event without data behind each", _START, WHOLE)),
    # what comes in place of an answer; the upstream is not asked
    ("status", Kind(Fault(K.HTTP_ERROR), "an HTTP error in the provider's words", takes=Takes.STATUS)),
    ("html", Kind(Fault(K.HTML), "a web page under status 200")),
    ("html-error", Kind(Fault(K.HTML_ERROR, status=503), "a web page under an error's status", takes=Takes.STATUS)),
    ("error-under-200", Kind(Fault(K.ERROR_UNDER_200), "an error in JSON under status 200", takes=Takes.STATUS)),
    ("connect-error", Kind(Fault(K.CONNECT_ERROR), "the connection is reset before an answer")),
    ("refuse-prefill", Kind(Fault(K.PREFILL_REFUSED, status=400),
                            "400 to a request that ends with the assistant's turn, and to no other")),
)  # fmt: skip

KINDS = dict(_LIST)
"""Every word, and what it stands for."""

BY_STATUS = Kind(Fault(K.HTTP_ERROR), "that HTTP error; a time is its Retry-After", takes=Takes.SECONDS)
"""What a number from 400 to 599 is in place of a word."""

_HAVE_STATUS = (K.IN_BAND_ERROR, K.HTTP_ERROR, K.HTML_ERROR, K.ERROR_UNDER_200)
_TIMED = (K.PAUSE, K.DRIP, K.PINGS_ONLY, K.COMMENTS_ONLY, K.SLOW_HEADERS)
_SPEAK = (
    K.IN_BAND_ERROR, K.PINGS_ONLY, K.COMMENTS_ONLY, K.GARBAGE, K.FAILED_FINISH, K.BAD_EVENT, K.UNKNOWN_EVENT,
    K.DUPLICATE_EVENT, K.EMPTY_DATA,
)  # fmt: skip


@frozen
class Rule:
    """One fault with where, how and how often it is played; `str` is its spelling, and reads as the same rule."""

    word: str
    fault: Fault
    place: Place | None = None
    odds: float = 1.0
    times: int | None = None
    spelled: str = ""

    def __str__(self) -> str:
        return self.spelled

    @property
    def speaks(self) -> bool:
        """Whether it says something of its own in the body."""
        return self.fault.kind in _SPEAK

    @property
    def looks_inside(self) -> bool:
        """Whether it has to read the body: to count events or words, or to say something in it."""
        return self.place is not None and (self.place.unit in (Unit.TOKENS, Unit.EVENTS) or self.speaks)

    @property
    def changes_length(self) -> bool:
        """Whether the body has another length with it, and may still end in order."""
        return self.speaks or self.fault.kind is K.PREMATURE_END

    @property
    def stands_alone(self) -> bool:
        """Whether it is for some requests only, and takes no other fault's turn."""
        return self.fault.kind is K.PREFILL_REFUSED

    @property
    def seconds(self) -> float | None:
        """The time it names, None where it names none, or for ever."""
        return self.fault.seconds if self.fault.kind in _TIMED else self.fault.retry_after_s

    @property
    def has_status(self) -> bool:
        """Whether its status says anything."""
        return self.fault.kind in _HAVE_STATUS


_SPELLED = re.compile(
    r"(?P<word>[a-z0-9_-]+)"
    r"(?:@(?P<place>[0-9.]+%(?![0-9])|[^:%#]*))?"
    r"(?::(?P<argument>[^%#]*))?"
    r"(?:%(?P<odds>[^#]*))?"
    r"(?:\#(?P<times>.*))?",
    re.DOTALL,
)
_PLACE = re.compile(r"(?P<amount>[0-9]{1,12}(?:\.[0-9]{1,6})?)(?P<unit>tok|ev|b|kb|mb|%)")
_TIME = re.compile(r"(?P<amount>[0-9]{1,9}(?:\.[0-9]{1,6})?)(?P<unit>ms|s|m)")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_SECONDS_OF = {"ms": 0.001, "s": 1.0, "m": 60.0}

GRAMMAR = "KIND[@PLACE][:ARGUMENT][%ODDS][#TIMES]"


def parse_rule(spelled: str) -> Rule:
    """Read a fault. Raises UsageError: what was seen, what was expected, and an example."""
    text = spelled.strip().lower()
    found = _SPELLED.fullmatch(text) if len(text) <= CHARS_MAX else None
    if found is None:
        _refuse(spelled, "can not be read", f"{GRAMMAR}, as in stall@120tok:30s%25")
    word = found["word"].replace("_", "-")
    kind = _kind_of(spelled, word)
    return Rule(
        word,
        _with_argument(spelled, word, kind, found["argument"]),
        _place(spelled, word, kind, found["place"]),
        1.0 if found["odds"] is None else _percent(spelled, found["odds"]),
        None if found["times"] is None else _count(spelled, found["times"]),
        text,
    )


def _kind_of(spelled: str, word: str) -> Kind:
    if word.isdecimal() and len(word) == 3 and 400 <= int(word) <= 599:
        return BY_STATUS
    kind = KINDS.get(word)
    if kind is None:
        _refuse(spelled, f"names no kind {word!r}", f"a status from 400 to 599, or one of {', '.join(KINDS)}")
    return kind


def _place(spelled: str, word: str, kind: Kind, told: str | None) -> Place | None:
    if told is None:
        return kind.place
    if kind.place is None:
        _refuse(spelled, f"has the place {told!r}", f"none: {word} strikes before there is a body")
    place = _read_place(spelled, told)
    if place.unit not in kind.places:
        expected = f"tok, ev or end: what {word} says stands between two events, as in {word}@2ev"
        _refuse(spelled, f"has the place {told!r}", expected)
    return place


def _read_place(spelled: str, told: str) -> Place:
    if told == "end":
        return Place(0, Unit.END, told)
    if told == "0":
        return Place(0, Unit.EVENTS, told)
    found = _PLACE.fullmatch(told)
    if found is None:
        expected = "a number and tok, ev, b, kb, mb or % (as in @120tok), end, or 0"
        _refuse(spelled, f"has the place {told!r}", expected)
    amount, unit = float(found["amount"]), found["unit"]
    if unit == "%" and amount > 100:
        _refuse(spelled, f"has the place {told!r}", "at most 100%")
    if unit in BYTES_OF:
        return Place(round(amount * BYTES_OF[unit]), Unit.BYTES, told)
    if unit != "%" and not amount.is_integer():
        _refuse(spelled, f"has the place {told!r}", f"a whole number of {unit}")
    return Place(amount, Unit(unit), told)


def _with_argument(spelled: str, word: str, kind: Kind, told: str | None) -> Fault:
    fault = evolve(kind.fault, status=int(word)) if kind is BY_STATUS else kind.fault
    if told is None:
        if kind.needs_argument:
            _refuse(spelled, "has no time", f"one, as in {word}:5s")
        return fault
    if kind.takes is Takes.NOTHING:
        _refuse(spelled, f"has the argument {told!r}", f"none: {word} takes none")
    if kind.takes is Takes.STATUS:
        return evolve(fault, status=_status(spelled, told))
    seconds = _seconds(spelled, told)
    if kind is BY_STATUS:
        return evolve(fault, retry_after_s=seconds)
    return evolve(fault, seconds=seconds, kind=K.PAUSE if fault.kind is K.STALL else fault.kind)


def _seconds(spelled: str, told: str) -> float:
    found = _TIME.fullmatch(told)
    seconds = float(found["amount"]) * _SECONDS_OF[found["unit"]] if found is not None else -1.0
    if not 0 <= seconds <= SECONDS_MAX:
        _refuse(spelled, f"has the time {told!r}", "a number and ms, s or m, a day at most, as in 30s")
    return seconds


def _status(spelled: str, told: str) -> int:
    if not (told.isdecimal() and len(told) == 3 and 400 <= int(told) <= 599):
        _refuse(spelled, f"has the status {told!r}", "one from 400 to 599, as in error@2ev:529")
    return int(told)


def _percent(spelled: str, told: str) -> float:
    number = float(told) if _NUMBER.fullmatch(told) else 0.0
    if not 0 < number <= 100:
        _refuse(spelled, f"has the odds {told!r}", "a percentage above 0 and at most 100, as in reset@3kb%25")
    return number / 100


def _count(spelled: str, told: str) -> int:
    if not (told.isdecimal() and len(told) <= 9 and int(told) > 0):
        _refuse(spelled, f"is to be played {told!r} times", "a whole number above 0, as in 429:5s#2")
    return int(told)


def _refuse(spelled: str, seen: str, expected: str) -> NoReturn:
    raise UsageError(f"fault {printable(spelled, CHARS_MAX)!r} {seen}; expected {expected}", argument="fault")


def require_playable(rules: list[Rule], *, has_upstream: bool) -> None:
    """Refuse what can never be played as the rules stand. Raises UsageError.

    A share needs a body whose length is known, and an upstream's stream tells it only by its end. Of a rule that is
    played for every request and without bound, those behind it are never drawn.
    """
    for rule in rules:
        if has_upstream and rule.place is not None and rule.place.unit is Unit.SHARE:
            expected = "tokens, events or bytes, as in @120tok; a share is of an answer of chaos's own (no --upstream)"
            _refuse(rule.spelled, "is at a share of a stream that tells its length only by its end", expected)
    drawn = [rule for rule in rules if not rule.stands_alone]
    for before, rule in pairwise(drawn):
        if before.odds >= 1 and before.times is None:
            seen = f"is never drawn: {before.spelled} before it is played for every request"
            _refuse(rule.spelled, seen, f"odds or times on that, as in {before.spelled}%50 or {before.spelled}#1")
