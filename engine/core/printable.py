"""The one way in which a text that is not ours gets into a sentence of ours: a message, a defect, a status, a log line.

Rules, in this order:
1. Only its beginning counts: what is done to it is bounded, however long it is.
2. No secret, and no beginning of one. Before the cut, for half a key is a key. Decoders know no secrets; what they made
   is scrubbed where it leaves the attempt, and what their cut left of a key there is a beginning.
3. What is not printable is an escape: control characters, line breaks of all kinds, turned directions, half a pair.
4. It is cut, and the cut is marked.

A sentence that went through here goes through again unchanged, but for the secrets.
"""

from __future__ import annotations

from collections.abc import Iterable

from .secret import Secret, scrub

MESSAGE_CHARS_MAX = 200
"""How much of a provider's own text we repeat (hardening: log injection)."""

NAME_CHARS_MAX = 80
"""How much of a name that a provider gave (a kind, an id, a tool) stands in a sentence of ours."""

SENTENCE_CHARS_MAX = 450
"""How long a sentence of ours with all that it repeats may be; with its class before it, a line below 500."""

_READ_CHARS_MAX = 8192


def printable(text: str, chars_max: int = MESSAGE_CHARS_MAX, *, secrets: Iterable[Secret] = ()) -> str:
    """Make a stranger's text safe for one line: without secrets, escaped, cut at `chars_max`. Cost: bounded."""
    plain = scrub(text[:_READ_CHARS_MAX], secrets)
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain[: chars_max + 1])
    return escaped if len(escaped) <= chars_max else escaped[:chars_max] + "…"


def named(given: object) -> str:
    """Make what a provider named or numbered safe for a sentence: an integer of JSON may have thousands of digits."""
    return printable(str(given), NAME_CHARS_MAX)
