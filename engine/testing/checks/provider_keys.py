"""Where a provider shows its key: what is secret in its requests, and what of that stands in plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from ...core.provider import Provider, WireRequest
from ...core.secret import Secret, is_secret_header
from ..law import Law, Violation
from ..simulator.state import REQUEST

KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
KEY_PARAMETERS = ("key", "api_key", "api-key", "apikey", "access_token", "token")
SECRET_CHARS_MIN = 8
"""A key shorter than this opens local servers only, and is a part of other words."""


def secrets_of(provider: Provider, key: str | None) -> list[str]:
    """Give what has to stay hidden: the key, if it is known, and what the headers of a plain request wrap or name."""
    shown = [key] if key is not None else []
    try:
        headers = list(provider.encode(REQUEST).headers.items())
    except Exception:  # whatever it raises is told by the claim about its members
        headers = []
    shown += [value.reveal() for _, value in headers if isinstance(value, Secret)]
    shown += [value for name, value in headers if isinstance(value, str) and _is_key(name, value, key is not None)]
    return [part for value in shown for part in value.split() if len(part) >= SECRET_CHARS_MIN]


def _is_key(header: str, value: str, is_known: bool) -> bool:
    return header.lower() in KEY_HEADERS if is_known else is_secret_header(header, value)


def keys_in_sight(wire: WireRequest, secrets: Sequence[str], *, is_known: bool) -> Iterator[Violation]:
    """Say where a request carries a key in plain text; `is_known` says that names alone are no evidence."""
    for name, value in wire.headers.items():
        if isinstance(value, str) and (_is_key(name, value, is_known) or any(secret in value for secret in secrets)):
            said = f"the header {name} is plain text, and shown by every repr of the request; expected a Secret"
            yield Violation(Law.NO_LEAKS, said if is_known else f"{said} (give key= where it holds no key)")
    for name, value in parse_qsl(urlsplit(wire.url).query):
        if name.lower() in KEY_PARAMETERS and value:
            yield Violation(Law.NO_LEAKS, f"the key is shown in a request: its URL has a parameter {name}")
    shown = f"{wire.url} {unquote(wire.url)} {wire!r} {wire.body.decode('utf-8', 'replace')}"
    if any(secret in shown for secret in secrets):
        yield Violation(Law.NO_LEAKS, "the key is shown in a request: its URL, its repr or its body")
