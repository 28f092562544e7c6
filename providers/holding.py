"""What a decoder may keep of a stream: the length of a name, and what JSON weighs once it is read."""

from __future__ import annotations

NAME_CHARS_MAX = 64 * 1024
"""Ids, names and kinds are kept as long as the stream lasts. Usual ones have 60 characters; gateways that hide a signed
thought in the id of a call need some thousands."""

VALUE_BYTES = 64
"""What a value of JSON takes beside its text: an empty list is 56 bytes and a place in another (CPython 3.11)."""


def excess_of_names(*names: str) -> str | None:
    """Say which name is too long to be one, without repeating it; None where none is."""
    for name in names:
        if len(name) > NAME_CHARS_MAX:
            return f"seen an id or a name of {len(name)} characters; expected at most {NAME_CHARS_MAX}"
    return None


def json_bytes(text: str) -> int:
    """Return what the value of a JSON text takes in memory, about. Cost: three searches, far less than reading it."""
    return len(text) + VALUE_BYTES * (text.count(",") + text.count("[") + text.count("{"))
