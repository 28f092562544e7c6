"""The root of riverrun's exceptions and the one that values raise of themselves. `errors` holds the whole tree."""

from __future__ import annotations


class RiverrunError(Exception):
    """The root of every exception riverrun raises of its own."""


class UsageError(RiverrunError, ValueError):
    """A call that can not work as written: the message says what was seen, what was expected and what to do."""


class KeyUnusable(UsageError):
    """A key is missing or malformed; nothing was sent. The message names the variable or argument, never the key."""
