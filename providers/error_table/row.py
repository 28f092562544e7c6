"""One row of the table of errors: something a provider says, and what it means."""

from __future__ import annotations

import re

from attrs import field, frozen

from ...engine.core.failures import FailureKind

OPEN: tuple[int | None, ...] = (None, 400, 413, 422)
"""The statuses that only say that something is wrong: there, words decide. None: an error without one (in a stream)."""
OPEN_OR_500: tuple[int | None, ...] = (*OPEN, 500)
"""Also the status of a server that failed. Only for sentences that a failure never says (wire-formats §3.7)."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


def _phrase(text: str | None) -> re.Pattern[str] | None:
    return None if text is None else re.compile(text, re.IGNORECASE | re.ASCII)


@frozen(kw_only=True)
class Row:
    """One thing that is said and what it means.

    `codes` are alternatives, `code_part` is part of a code, `statuses` without any is all of them. `hinted`: only where
    a header says when to come back. `advice` is what to do, where the kind does not say it. `at` tells who says so.
    """

    kind: FailureKind
    at: str
    codes: tuple[str, ...] = field(default=(), converter=_words)
    code_part: str = ""
    phrase: re.Pattern[str] | None = field(default=None, converter=_phrase)
    statuses: tuple[int | None, ...] = ()
    hinted: bool = False
    advice: str = ""
    example: str
    source: str
