"""JSON of tool arguments: read whole and strictly, and told complete or not while it arrives.

Strict means: one JSON object and nothing else; finite numbers; no key twice in one object; bounded depth. A call runs
with its arguments, so what two readers could understand differently is refused, not guessed. Nothing here ever raises.

Source: RFC 8259 (§ 4 on keys, § 6 on numbers, § 9 on limits), read 2026-11.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import NoReturn, cast

from .json_bounds import DEPTH_MAX, VALUES_MAX, explain_excess
from .json_value import JSONValue

__all__ = [
    "DEPTH_MAX",
    "INTEGER_DIGITS_MAX",
    "ArgumentsScanner",
    "explain_arguments",
    "parse_arguments",
    "read_finite_float",
    "read_integer",
]

INTEGER_DIGITS_MAX = 640
"""How long an integer may be: CPython converts up to this many digits whatever limit the process has set
(`sys.int_info.str_digits_check_threshold`), so the outcome depends on the text alone, and is written back as well."""


class _Refused(ValueError):
    """Well-formed JSON that is no arguments; its message says what was seen and expected."""


def parse_arguments(text: str, values_max: int = VALUES_MAX) -> dict[str, JSONValue] | None:
    """Return the arguments, or None when the text is anything but one strict JSON object. Never raises.

    Escaped lone surrogates parse: they are the model's, and well-formed JSON.

    Args:
        text: what was said.
        values_max: how many values it may hold, counted before it is parsed.

    Cost: linear; 3 µs for the arguments of a usual call.

    """
    try:
        return _read(text, values_max)
    except (ValueError, RecursionError, MemoryError):
        return None


def explain_arguments(text: str, values_max: int = VALUES_MAX) -> str | None:
    """Say what was seen and expected where `parse_arguments` refuses; None where it does not. Never quotes the text."""
    try:
        _read(text, values_max)
    except json.JSONDecodeError as error:
        return f"saw invalid JSON at character {error.pos} of {len(text)} ({error.msg.lower()}); expected a JSON object"
    except _Refused as refusal:
        return str(refusal)
    except (ValueError, RecursionError, MemoryError) as error:
        return f"saw {len(text)} characters that could not be read ({type(error).__name__}); expected a JSON object"
    return None


def _read(text: str, values_max: int) -> dict[str, JSONValue]:
    if not text.strip(_SPACE):
        raise _Refused("saw nothing; expected a JSON object")
    if (excess := explain_excess(text, values_max)) is not None:
        raise _Refused(excess)
    value: object = _DECODER.decode(text)
    if not isinstance(value, dict):
        raise _Refused(f"saw {_name_kind(value)}; expected a JSON object")
    return cast("dict[str, JSONValue]", value)


def _name_kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case _:
            return "an array"


def read_integer(digits: str) -> int:
    """Read an integer of JSON. Raises ValueError when it has more than `INTEGER_DIGITS_MAX` digits."""
    count = len(digits.removeprefix("-"))
    if count > INTEGER_DIGITS_MAX:
        raise _Refused(f"saw an integer of {count} digits; expected at most {INTEGER_DIGITS_MAX}")
    return int(digits)


def read_finite_float(digits: str) -> float:
    """Read a number of JSON that has a fraction or an exponent. Raises ValueError when it overflows (1e999)."""
    value = float(digits)
    if not isfinite(value):
        raise _Refused("saw a number beyond the range of a double; expected finite numbers")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _Refused(f"saw {name}; expected finite numbers")


def _read_object(pairs: list[tuple[str, JSONValue]]) -> dict[str, JSONValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Refused("saw a key twice in one object; expected each once")
    return value


_SPACE = " \t\n\r"
_DECODER = json.JSONDecoder(
    object_pairs_hook=_read_object,
    parse_int=read_integer,
    parse_float=read_finite_float,
    parse_constant=_refuse_constant,
)

_STRUCTURE = re.compile(r'["{}\[\]]')
# To the end of a string, or to a backslash whose character is in the next fragment. Possessive, so that a long string
# costs neither backtracking nor a stack.
_STRING_END = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+(["\\])')


class ArgumentsScanner:
    """Tells whether arguments that arrive in fragments are whole, from their brackets and strings alone.

    For every JSON object, however it is cut, `is_complete` holds after its last character and not before. The scanner
    does not check the syntax between brackets: complete arguments can still be refused by `parse_arguments`, but what
    that accepts is complete. It keeps no text, so it reads nothing twice: the work is linear in what arrives.

    `defect` says why this can never become arguments; nothing is read after that. Which of two defects is named may
    depend on the fragments; whether there is one does not.

    Args:
        bytes_max: how long the arguments may be, as UTF-8.

    """

    __slots__ = ("_bytes", "_bytes_max", "_depth", "_has_closed", "_is_escaped", "_is_in_string", "defect")

    def __init__(self, *, bytes_max: int) -> None:
        self.defect: str | None = None
        self._bytes = 0
        self._bytes_max = bytes_max
        self._depth = 0
        self._has_closed = False
        self._is_in_string = False
        self._is_escaped = False  # a fragment ended between a backslash and what it escapes

    @property
    def is_complete(self) -> bool:
        """Whether the object has closed and only white space followed."""
        return self._has_closed and self.defect is None

    @property
    def is_in_string(self) -> bool:
        """Whether what comes next stands inside a string."""
        return self._is_in_string

    def feed(self, fragment: str) -> None:
        """Take the next fragment. Cost: linear in its length; 0.5 µs for a few characters inside a string."""
        if self.defect is not None:
            return
        self._bytes += len(fragment) if fragment.isascii() else len(fragment.encode("utf-8", "surrogatepass"))
        if self._bytes > self._bytes_max:
            self.defect = f"the arguments are longer than {self._bytes_max} bytes; expected at most {self._bytes_max}"
            return
        position = 0
        while position < len(fragment) and self.defect is None:
            if self._is_in_string:
                position = self._scan_string(fragment, position)
            elif self._depth:
                position = self._scan_structure(fragment, position)
            else:
                position = self._scan_edge(fragment, position)

    def _scan_string(self, fragment: str, position: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            position += 1
        match = _STRING_END.match(fragment, position)
        if match is None:
            return len(fragment)
        self._is_in_string = self._is_escaped = match[1] == "\\"
        return match.end()

    def _scan_structure(self, fragment: str, position: int) -> int:
        """Go to the next quote or bracket, and take it."""
        match = _STRUCTURE.search(fragment, position)
        if match is None:
            return len(fragment)
        if match[0] == '"':
            self._is_in_string = True
        elif match[0] in "{[":
            self._depth += 1
            if self._depth > DEPTH_MAX:
                self.defect = f"saw arguments nested deeper than {DEPTH_MAX}; expected at most {DEPTH_MAX}"
        else:
            self._depth -= 1
            self._has_closed = not self._depth
        return match.end()

    def _scan_edge(self, fragment: str, position: int) -> int:
        """Before the object and after it there may be white space only."""
        rest = fragment[position:].lstrip(_SPACE)
        if not rest:
            return len(fragment)
        if self._has_closed:
            self.defect = "saw more after the object's end; expected white space only"
        elif rest[0] != "{":
            self.defect = "saw something other than an object; expected a JSON object"
        else:
            self._depth = 1
        return len(fragment) - len(rest) + 1
