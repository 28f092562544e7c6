"""What goes wrong with one request of a trial, as data: a fault of the kit's vocabulary, and where it lies."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from ...testing.script.faults import HONEST, Fault, FaultKind


class Place(StrEnum):
    """Where in an answer a fault lies; found anew for every format, and by the seed where there is a choice."""

    NONE = "none"
    """Nowhere: it is not about a place, or `Fault.at` says it."""
    START = "start"
    """After what comes before the first word."""
    TEXT = "text"
    """Between two pieces of the text."""
    TOKENS = "tokens"
    """After `Fault.at` pieces of the text; there is no fault in an answer that has no more."""
    CHARACTER = "character"
    """Inside a character of several bytes."""
    CRLF = "crlf"
    """Between CR and LF; the whole answer has such line ends."""
    ESCAPE = "escape"
    """Inside an escape of JSON: after the backslash."""
    SURROGATE = "surrogate"
    """Between the two escapes of one character; the whole answer has its characters escaped."""
    REASONING = "reasoning"
    """Between two pieces of the thoughts."""
    SIGNATURE = "signature"
    """Inside the thoughts' signature."""
    ARGUMENTS = "arguments"
    """Inside the arguments of the first call."""
    BETWEEN_CALLS = "between calls"
    """After the first call was closed."""
    SECOND_CALL = "second call"
    """Inside the arguments of the second call."""
    TERMINAL = "terminal"
    """Before the format's last event."""
    TRAILER = "trailer"
    """Between the finish word and the format's trailer."""


class Refusal(StrEnum):
    """Whose words an HTTP error says."""

    PLAIN = "plain"
    CONTEXT = "context"
    """The prompt is longer than the model's context."""
    FILTER = "filter"
    """The prompt was refused by a filter."""


@frozen
class Play:
    """What goes wrong with one request.

    Attributes:
        fault: what goes wrong, in full timing; `at` is found from `place`.
        place: where.
        refusal: whose words an HTTP error says.
        hint_is_date: the hint of an HTTP error is a date, not seconds.
        refuses_prefill: nothing else: a request that ends with the assistant's turn is answered 400.
    """

    fault: Fault = HONEST
    place: Place = Place.NONE
    refusal: Refusal = Refusal.PLAIN
    hint_is_date: bool = False
    refuses_prefill: bool = False


WELL = Play()
"""Nothing goes wrong."""


def http_error(status: int, hint_s: float | None = None) -> Fault:
    """An HTTP error in place of an answer, with a hint of seconds or without."""
    return Fault(FaultKind.HTTP_ERROR, status=status, retry_after_s=hint_s)
