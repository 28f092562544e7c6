"""What a chaos proxy remembers of each request: a row of its table. Nothing in it comes from a header or a query."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from attrs import define, field

from ...core.json_value import JSONValue

ROWS_MAX = 1_000
"""How many requests are remembered; the oldest are dropped."""

NAME_CHARS_MAX = 60
"""How much of a model's name or a path a row holds."""


class Ended(StrEnum):
    """How a request ended."""

    WHOLE = "whole"
    """Its answer was passed to its end; a fault may have slowed it down."""
    FAULT = "fault"
    """A fault ended it, or stood in place of an answer."""
    CLIENT_LEFT = "client left"
    UPSTREAM_BROKE = "upstream broke"
    """The upstream's answer broke off by itself, and so did this one."""
    NO_UPSTREAM = "no upstream"
    """The upstream could not be reached, or gave no answer."""
    REFUSED = "refused"
    """It was not passed: another host's, or no request as it should be."""
    STOPPED = "stopped"
    """The proxy was stopped meanwhile."""


@define(eq=False)
class Row:
    """One request.

    Attributes:
        number: from 1, of all requests.
        at_unix_s: when it came.
        wire: the format's name, "" for what asks for no answer of a model.
        what: the model, or method and path of other requests.
        status: of the answer; None before there is one.
        events: how many events were passed; None for a body that has none.
        bytes: how many bytes of the body were sent.
        fault: the fault that was drawn, as it is spelled; "" for none.
        has_struck: it was played.
        ended: None while it is under way.
        note: what else there is to say, in a few words.
        began_s: when it came, on the proxy's own clock.
        took_s: seconds to its end.
    """

    number: int
    at_unix_s: float
    began_s: float
    wire: str = ""
    what: str = ""
    status: int | None = None
    events: int | None = None
    bytes: int = 0
    fault: str = ""
    has_struck: bool = False
    ended: Ended | None = None
    note: str = ""
    took_s: float | None = None

    def as_json(self) -> dict[str, JSONValue]:
        """Give it as JSON values."""
        return {
            "number": self.number,
            "at": clock(self.at_unix_s),
            "format": self.wire or None,
            "what": self.what,
            "status": self.status,
            "events": self.events,
            "bytes": self.bytes,
            "fault": self.fault or None,
            "struck": self.has_struck,
            "ended": None if self.ended is None else self.ended.value,
            "note": self.note,
            "took_s": None if self.took_s is None else round(self.took_s, 3),
        }


def clock(unix_s: float) -> str:
    """Write a time as ISO 8601 in UTC, to milliseconds."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Listener = Callable[[str, Row], None]
"""Is told what happens to a request: "asked", "struck", "ended". Must be quick, and not raise."""


def _heard(_what: str, _row: Row) -> None:
    """Listen to nothing."""


@define(eq=False)
class Rows:
    """The table: the latest rows, and counts over all there were.

    Attributes:
        rows: the latest, oldest first.
        endings: how many requests ended in which way.
        struck: how often each fault was played, by its spelling.
        count: how many requests came.
    """

    listener: Listener = _heard
    rows: deque[Row] = field(factory=lambda: deque[Row](maxlen=ROWS_MAX), init=False)
    endings: Counter[Ended] = field(factory=Counter[Ended], init=False)
    struck: Counter[str] = field(factory=Counter[str], init=False)
    count: int = field(default=0, init=False)

    def begin(self, at_unix_s: float, now_s: float, what: str) -> Row:
        """Add a row for what comes now."""
        self.count += 1
        row = Row(self.count, at_unix_s, now_s, what=what)
        self.rows.append(row)
        return row

    def ask(self, row: Row) -> None:
        """Note that a request was read, and what was drawn for it."""
        self.listener("asked", row)

    def strike(self, row: Row) -> None:
        """Note that its fault strikes."""
        row.has_struck = True
        self.struck[row.fault] += 1
        self.listener("struck", row)

    def end(self, row: Row, ended: Ended, now_s: float) -> None:
        """Note its end; a second end is none."""
        if row.ended is None:
            row.ended, row.took_s = ended, now_s - row.began_s
            self.endings[ended] += 1
            self.listener("ended", row)

    def clear(self) -> None:
        """Forget all there was."""
        self.rows.clear()
        self.endings.clear()
        self.struck.clear()
        self.count = 0

    def summary(self) -> Mapping[str, JSONValue]:
        """Count what there was, as JSON values."""
        return {
            "requests": self.count,
            "ended": {ended.value: count for ended, count in sorted(self.endings.items())},
            "struck": dict(sorted(self.struck.items())),
        }
