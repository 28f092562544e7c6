"""What can go wrong with one attempt, as data: kinds, and where and how one strikes; and the pieces of an answer.

One vocabulary for all who play it: the scripted source, the simulator at every level, and the server on this machine.
Each plays a part of it, and refuses the rest: `require_scripted` here, `require_served` beside the server.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn, TypeVar, cast

from attrs import field, frozen

from ...core import errors
from ...core.failures import Failure, FailureKind
from ...core.usage_error import UsageError
from ...core.validators import WHOLE_NUMBER_MAX, is_whole_number, seen

ITEM_KINDS = ("text", "reasoning", "calls")

SIZE_MAX = 10_000
"""The most tokens and calls of a model's answer: a file of a few bytes could ask for 2^63, and so many take seconds."""

_ERRORS: dict[int, tuple[type[errors.InferenceError], FailureKind]] = {
    500: (errors.ProviderError, FailureKind.PROVIDER),
    400: (errors.InvalidRequest, FailureKind.INVALID_REQUEST),
    401: (errors.Unauthorized, FailureKind.UNAUTHORIZED),
    402: (errors.QuotaExhausted, FailureKind.QUOTA_EXHAUSTED),
    403: (errors.Unauthorized, FailureKind.UNAUTHORIZED),
    404: (errors.ModelNotFound, FailureKind.MODEL_NOT_FOUND),
    408: (errors.InferenceTimeout, FailureKind.TIMEOUT),
    409: (errors.ProviderError, FailureKind.PROVIDER),
    429: (errors.RateLimited, FailureKind.RATE_LIMITED),
    502: (errors.ProviderError, FailureKind.PROVIDER),
    503: (errors.Overloaded, FailureKind.OVERLOADED),
    504: (errors.InferenceTimeout, FailureKind.TIMEOUT),
    529: (errors.Overloaded, FailureKind.OVERLOADED),
}
STATUSES = tuple(_ERRORS)
"""The statuses that a model at the level of events has an error for."""

_E = TypeVar("_E", bound=StrEnum)


class FaultKind(StrEnum):
    """What goes wrong with an attempt: one closed set, of which each player plays a part.

    The simulator and the scripted source play all but those in `SERVED_ALONE`, the server on this machine those in
    `SERVED`. Some are called by other words on the command line (`SERVER_WORDS`); either word is understood.
    """

    NONE = "none"
    RESET = "reset"
    HALF_CLOSE = "half_close"
    """The stream ends after `at` events, as if nothing were wrong."""
    STALL = "stall"
    DRIP = "drip"
    """From `at` on, `count` events come `seconds` apart; nothing else is wrong."""
    PINGS_ONLY = "pings_only"
    """From `at` on, only signs of life come, `seconds` apart."""
    GARBAGE = "garbage"
    DUPLICATE = "duplicate"
    """After `at` events the message begins again inside the same stream."""
    IN_BAND_ERROR = "in_band_error"
    """An error inside the stream; `status` and `retry_after_s` say which."""
    HTTP_ERROR = "http_error"
    """An answer of `status` instead of a stream, with `retry_after_s`."""
    GOAWAY = "goaway"
    PREMATURE_END = "premature_end"
    """Everything is said, and the terminal event is missing."""
    ERROR_AFTER_TERMINAL = "error_after_terminal"
    """The terminal event is there, and then the connection breaks, or hangs if `count` is not 0."""
    PREFILL_REFUSED = "prefill_refused"
    """The form of the continuation is refused."""
    ECHO = "echo"
    """The reply says everything again first (where the form allows it to)."""
    OVERLAP = "overlap"
    """The reply says the last `count` characters again first (where the form allows it to)."""
    STARTS_OVER = "starts_over"
    """The reply begins the answer anew, and then goes another way."""
    WHITE_SPACE = "white_space"
    """The reply begins with other white space than the answer has there."""
    SLOW_HEADERS = "slow_headers"
    """The answer's headers take `seconds`."""
    CONNECT_ERROR = "connect_error"
    EMPTY = "empty"
    """The answer ends without a word."""
    FOREIGN_ERROR = "foreign_error"
    """The source raises something that is neither the network's nor the provider's."""
    HTML = "html"
    """Status 200 and a web page: what a captive portal or a proxy in the way answers."""
    HTML_ERROR = "html_error"
    """An answer of `status` whose body is a web page: what a proxy answers for a provider that is down."""
    ERROR_UNDER_200 = "error_under_200"
    """Status 200, and a provider's error of `status` in JSON instead of a stream."""
    PAUSE = "pause"
    """At `at` nothing comes for `seconds`; then the rest does."""
    COMMENTS_ONLY = "comments_only"
    """From `at` on, only comments of server-sent events come, `seconds` apart."""
    BAD_EVENT = "bad_event"
    """At `at` comes an event of broken JSON; the rest follows."""
    DUPLICATE_EVENT = "duplicate_event"
    """Event number `at` comes twice."""
    EMPTY_DATA = "empty_data"
    """An event without data follows each event."""
    UNKNOWN_EVENT = "unknown_event"
    """After `at` events comes one of a kind that nobody knows."""
    FAILED_FINISH = "failed_finish"
    """From `at` on nothing is said but a finish word that names a failure."""

    @classmethod
    def _missing_(cls, value: object) -> FaultKind | None:
        return next((kind for kind, word in SERVER_WORDS.items() if word == value), None)


SERVER_WORDS = {
    FaultKind.RESET: "reset",
    FaultKind.HALF_CLOSE: "half-close",
    FaultKind.STALL: "stall",
    FaultKind.PREMATURE_END: "premature-end",
    FaultKind.IN_BAND_ERROR: "overloaded",
    FaultKind.DRIP: "drip",
    FaultKind.PINGS_ONLY: "pings",
    FaultKind.GARBAGE: "garbage",
    FaultKind.HTTP_ERROR: "status",
    FaultKind.HTML: "html",
    FaultKind.PREFILL_REFUSED: "refuse-prefill",
}
"""What the server on this machine plays, and the word for each on the command line; schedules draw in this order."""

SERVED_ALONE = (
    FaultKind.HTML,
    FaultKind.HTML_ERROR,
    FaultKind.ERROR_UNDER_200,
    FaultKind.PAUSE,
    FaultKind.COMMENTS_ONLY,
    FaultKind.BAD_EVENT,
    FaultKind.DUPLICATE_EVENT,
    FaultKind.EMPTY_DATA,
    FaultKind.UNKNOWN_EVENT,
    FaultKind.FAILED_FINISH,
)
"""Kinds of bytes and of HTTP, which nobody plays who plays events."""

SERVED = frozenset(
    {
        *SERVER_WORDS,
        *SERVED_ALONE,
        FaultKind.SLOW_HEADERS,
        FaultKind.CONNECT_ERROR,
        FaultKind.DUPLICATE,
        FaultKind.ERROR_AFTER_TERMINAL,
        FaultKind.EMPTY,
    }
)
"""What the server on this machine plays."""

BREAKS = frozenset(
    {
        FaultKind.RESET,
        FaultKind.GOAWAY,
        FaultKind.HALF_CLOSE,
        FaultKind.STALL,
        FaultKind.PINGS_ONLY,
        FaultKind.FOREIGN_ERROR,
    }
)
"""Kinds that break the reply off after `at` events, with no event of their own."""

MANNERS = frozenset({FaultKind.ECHO, FaultKind.OVERLAP, FaultKind.STARTS_OVER, FaultKind.WHITE_SPACE})
"""Kinds that say how a reply begins; they may stand beside one that says how it ends."""

_MANNERS = (FaultKind.NONE, *sorted(MANNERS))  # a tuple compares by identity first; the hash of an enum is a call


@frozen
class Item:
    """A piece of the model's answer, in order.

    `kind` is "text", "reasoning" or "calls". A text or thought has `size` tokens; `size` calls are under way at once.
    `signed`: the thought carries a signature. `broken`: the arguments never become a JSON object.
    """

    kind: str = "text"
    size: int = 1
    signed: bool = False
    broken: bool = False

    def __attrs_post_init__(self) -> None:
        if self.kind not in ITEM_KINDS:
            refuse("Item.kind", self.kind, f"one of {', '.join(ITEM_KINDS)}")
        if type(self.size) is not int or not 1 <= self.size <= SIZE_MAX:
            require_count(self, "size", 1)
            if self.size > SIZE_MAX:
                refuse("Item.size", self.size, f"at most {SIZE_MAX}")

    @property
    def says_something(self) -> bool:
        """Whether an answer of this alone is one: thoughts are none, nor are calls that nobody can make."""
        return self.kind == "text" or (self.kind == "calls" and not self.broken)


class Unit(StrEnum):
    """What `Fault.at` counts where bytes are cut."""

    EVENTS = "events"
    """Whole events of the body."""
    BYTES = "bytes"
    """Bytes of the body, without HTTP's own."""
    CHARACTER = "character"
    """Bytes too, moved on into the next multi-byte character: after the first byte of it."""


@frozen
class WireCut:
    """How a fault cuts the bytes of an answer; only the server on this machine writes them one by one.

    Args:
        unit: what `Fault.at` counts.
        in_chunk: for RESET and HALF_CLOSE: the announced HTTP chunk is longer than what is sent of it.
        has_length: the body has no chunks but a content-length: that of the whole body, or for PREMATURE_END, whose
            end looks proper, of what is sent.
    """

    unit: Unit = field(default=Unit.EVENTS, converter=Unit)
    in_chunk: bool = False
    has_length: bool = False


BETWEEN_EVENTS = WireCut()
"""Whole events are said: the only cut there is where events are played and not bytes."""


def _kind(value: str) -> FaultKind:
    return value if type(value) is FaultKind else member_of(FaultKind, value, "Fault.kind or Fault.manner")


@frozen
class Fault:
    """One thing that goes wrong with one attempt: what, after how much of the answer, and how the reply begins.

    Args:
        kind: what goes wrong; NONE is nothing.
        at: after how many events of the reply; beyond its end it is the end. `cut` may count it in bytes.
        seconds: how far apart a drip's events and pings are, and how long slow headers take.
        count: how many events drip, how many characters overlap; where bytes are played, an error in the stream with
            a count is followed by silence, and a stall with one by the connection's end, after `seconds`.
        status: of an error, as a response or inside the stream.
        retry_after_s: the hint that goes with that; None is no hint.
        manner: how the reply begins, one of `MANNERS`; it may stand beside a kind that says how it ends.
        burst: how many events one read brings, where events are played.
        cut: how bytes are cut, where bytes are played.

    Raises:
        UsageError: a number that is out of range, or a manner that is none.
    """

    kind: FaultKind = field(default=FaultKind.NONE, converter=_kind)
    at: int = 0
    seconds: float = 1.0
    count: int = 0
    status: int = 500
    retry_after_s: float | None = None
    manner: FaultKind = field(default=FaultKind.NONE, converter=_kind)
    burst: int = 4
    cut: WireCut = BETWEEN_EVENTS

    def __attrs_post_init__(self) -> None:
        if not (
            type(self.at) is type(self.count) is type(self.burst) is int
            and 0 <= self.at <= WHOLE_NUMBER_MAX
            and 0 <= self.count <= WHOLE_NUMBER_MAX
            and 1 <= self.burst <= WHOLE_NUMBER_MAX
            and type(self.seconds) is float
            and self.seconds >= 0
            and self.status in STATUSES
            and self.retry_after_s is None
            and self.manner in _MANNERS
        ):
            self._look_closely()

    def _look_closely(self) -> None:
        require_count(self, "at")
        require_count(self, "count")
        require_count(self, "burst", 1)
        require_seconds(self, "seconds")
        require_seconds(self, "retry_after_s", or_none=True)
        require_count(self, "status", 400)
        if self.manner not in _MANNERS:
            refuse("Fault.manner", self.manner.value, f"one of {', '.join(_MANNERS)}")

    @property
    def begins(self) -> FaultKind:
        """How the reply begins."""
        return self.kind if self.kind in MANNERS else self.manner

    @property
    def word(self) -> str:
        """The word for its kind on the command line."""
        return SERVER_WORDS.get(self.kind, self.kind.value)

    def __str__(self) -> str:
        """One line for a person: what, and where."""
        match self.kind:
            case FaultKind.HTTP_ERROR:
                hint = "" if self.retry_after_s is None else f", Retry-After {self.retry_after_s:g}"
                return f"{self.word} {self.status}{hint}"
            case FaultKind.HTML | FaultKind.PREFILL_REFUSED:
                return self.word
            case _:
                unit = self.cut.unit
                inside = "inside a character after byte" if unit is Unit.CHARACTER else f"after {unit.value}"
                is_other = self.kind is FaultKind.IN_BAND_ERROR and self.status != 529
                return f"{f'error {self.status}' if is_other else self.word} {inside} {self.at}"


def require_scripted(name: str, fault: Fault) -> None:
    """Raise UsageError, naming the field `name`, for what nobody plays who plays events: a web page, a cut in bytes."""
    if fault.kind in SERVED_ALONE:
        refuse(f"{name}.kind", fault.kind.value, "a kind that is not the loopback server's alone")
    if fault.status not in STATUSES:
        refuse(f"{name}.status", fault.status, f"one of {', '.join(map(str, STATUSES))}")
    if fault.cut != BETWEEN_EVENTS:
        refuse(f"{name}.cut", fault.cut, "none: only the loopback server cuts bytes")


HONEST = Fault(burst=16)
"""Nothing goes wrong; a read brings many events."""


def failure_of(fault: Fault) -> Failure:
    """The failure that a fault's status stands for."""
    kind = _ERRORS[fault.status][1]
    return Failure(kind, f"status {fault.status}", status=fault.status, retry_after_s=fault.retry_after_s)


def error_of(fault: Fault) -> errors.InferenceError:
    """The error by which an event source refuses with a fault's status."""
    return _ERRORS[fault.status][0](f"status {fault.status}", status=fault.status, retry_after_s=fault.retry_after_s)


# -- how values are checked ------------------------------------------------------------------------------------------

# One comparison of each value nearly always holds, and its fields are looked at only where it does not: checked one by
# one they made a scenario a fifth dearer to draw.


def refuse(field_name: str, held: object, expected: str) -> NoReturn:
    """Raise UsageError: what a field holds, and what was expected."""
    shown = seen(held) if isinstance(held, int) else repr(held)
    raise UsageError(f"{field_name} is {shown if len(shown) <= 80 else f'{shown[:79]}…'}; expected {expected}")


def require_count(value: object, name: str, least: int = 0, *, or_none: bool = False) -> None:
    """Raise UsageError unless the field `name` of `value` holds a whole number of at least `least`."""
    held = getattr(value, name)
    if not (or_none and held is None) and (not is_whole_number(held) or held < least):
        refuse(f"{type(value).__name__}.{name}", held, f"a whole number of at least {least}")


def require_seconds(value: object, name: str, *, or_none: bool = False) -> None:
    """Raise UsageError unless the field `name` of `value` holds a number of at least 0."""
    held = getattr(value, name)
    is_number = isinstance(held, float) or is_whole_number(held)
    if not (or_none and held is None) and not (is_number and held >= 0):  # NaN is not
        refuse(f"{type(value).__name__}.{name}", held, f"{'None, or ' if or_none else ''}a number of at least 0")


def member_of(kind: type[_E], value: object, field_name: str) -> _E:
    """Return the member of an enum that a value names. Raises UsageError."""
    try:
        return kind(cast("str", value))
    except ValueError:
        refuse(field_name, value, f"one of {', '.join(kind)}")
