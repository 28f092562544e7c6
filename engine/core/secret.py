"""A key that can be used and can not be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn

from .usage_error import KeyUnusable

SCRUBBED_CHARS_MIN = 8
"""Shorter secrets ("EMPTY", "test") open nothing but local servers, and are parts of other words."""

_SECRET_NAME = re.compile(
    r"auth|(?<!idempotency-)key|token|secret|cookie|credential|password|passwd|passphrase|passcode|session|signature|signed|jwt|bearer"
    r"|saml|assertion|(?:^|[-_.])(?:pass|pwd|sig|sign|sid|otp|hmac|csrf|xsrf)(?:[-_.]|$)",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(r"\s*(?:bearer|basic|token|digest|negotiate|ntlm|apikey|api-key|aws4-hmac-sha256)\s", re.I)


def is_secret_header(name: str, value: str) -> bool:
    """Whether a header opens something, by what its name says or by how its value begins (`Bearer …`).

    Where it is taken for a key and is none, it is hidden, and nothing is lost.
    *Source*: the authentication schemes of IANA's registry, 2026-11.
    """
    return _SECRET_NAME.search(name) is not None or _SECRET_VALUE.match(value) is not None


class Secret:
    """A string whose `repr` and `str` are `***` and which can not be pickled, copied to JSON or compared by accident.

    Raises:
        KeyUnusable: the value is empty or holds anything but visible ASCII (a line break from a file, say); the message
            gives the position and never the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str, *, name: str = "api_key") -> None:
        if not value:
            raise KeyUnusable(f"{name} is empty; expected the provider's key")
        for position, character in enumerate(value):
            if not "!" <= character <= "~":
                raise KeyUnusable(
                    f"{name} holds {character.encode('unicode_escape').decode()!r} at position {position}; expected "
                    "visible ASCII without white space: was a line break copied along?"
                )
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that puts it on the wire."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: read the key from the environment where it is used")


def secrets_among(headers: Mapping[str, str | Secret]) -> Iterator[Secret]:
    """Give what no text about a request may hold: its secrets, and what a header holds that is one in plain text."""
    for name, value in headers.items():
        if isinstance(value, Secret):
            yield value
        elif is_secret_header(name, value):
            yield from (Secret(part, name=name) for part in value.split() if part.isascii() and part.isprintable())


def scrub(text: str, secrets: Iterable[Secret]) -> str:
    """Take every secret out of a stranger's text, and what is left of one where the text was cut.

    Of a secret with spaces in it (`Bearer …`), each part counts. Cost: linear in the text; where the beginning of a
    secret is in it, for each character of the secret: for short texts on the way to an error.
    """
    for secret in secrets:
        for part in secret.reveal().split():
            if part[:SCRUBBED_CHARS_MIN] in text:
                for end in range(len(part), SCRUBBED_CHARS_MIN - 1, -1):
                    text = text.replace(part[:end], "***")
    return text
