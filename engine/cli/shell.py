"""Commands that a message offers: each word is quoted for the shell, and shows a terminal nothing but itself."""

from __future__ import annotations

import os
import shlex


def shell_word(text: str) -> str:
    """Return a word as a shell reads it. What can not be printed is an escape in `$'…'` (POSIX 2024)."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(_escaped(character) for character in text) + "'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))  # octal ends after three digits


def option(name: str, value: str) -> str:
    """Return an option and its value; one that begins with a hyphen would be taken for an option of its own."""
    return f"{name}={shell_word(value)}" if value.startswith("-") else f"{name} {shell_word(value)}"
