"""The root of riverrun's exceptions and the one that values raise of themselves. `errors` holds the whole tree."""

from __future__ import annotations


class RiverrunError(Exception):
    """The root of every exception riverrun raises of its own."""


class UsageError(RiverrunError, ValueError):
    """A call that can not work as written: the message says what was seen, what was expected and what to do.

    Args:
        message: what was seen and what was expected. It begins or ends with the argument's name where it names it.
        argument: the argument it is about, None where it is about none or about several.
        advised: the argument that would help, where `advice` names one.
        advice: the end of the message: what to write in Python. A command line says something else there.
    """

    argument: str | None = None
    advised: str | None = None
    advice: str = ""

    def __init__(
        self, message: str, *, argument: str | None = None, advised: str | None = None, advice: str = ""
    ) -> None:
        super().__init__(message + advice)
        self.argument = argument
        self.advised = advised
        self.advice = advice

    @property
    def message(self) -> str:
        """The message without its advice."""
        return str(self).removesuffix(self.advice)


class KeyUnusable(UsageError):
    """A key is missing or malformed; nothing was sent. The message names the variable or argument, never the key."""
