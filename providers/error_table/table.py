"""What providers say in an error, and what it means: one table, read downwards; the first row that fits decides.

Rules:
- A row fits if all it names is there: one of its codes, its phrase, one of its statuses, a hint when to come back.
- A row holds for every provider, for gateways repeat what their upstream said; `at` tells who is known to say it.
- Codes are compared whole and with their case; one that is a number counts only beside the statuses it comes with.
- Phrases are whole ones ("streamGenerateContent" holds "rate" and is no rate limit) and count only beside a status that
  leaves the meaning open. `None` among the statuses is an error without one, as inside a stream. A few sentences count
  beside more: of money beside 403, 412 and 429; of money, overflow and throttling beside 500.
- Money before rate, overflow before rate, and never by the word "quota": Gemini says it of a minute's and a day's.
- `example` is an answer in the shape its source gives, cut short: status, headers, body. `stream` instead of a status:
  inside a stream. What a source calls unverified was seen nowhere and is remembered only.

The order: phrases that outrank codes, codes, phrases where the status says nothing (of money, of overflow, the others),
statuses, and last the codes that compatible servers send with everything ("invalid_request_error"), which count only
where there is no status.

Source: wire-formats §1.4 to §6 and §9 (2026-11), the official libraries' error types, the threads named in the rows.
"""

from __future__ import annotations

import re

from .codes import CODES, MINIMAX, OUTRANKING, STREAMS_REFUSED
from .limits import MONEY, OVERFLOWS
from .phrases import BARE_CODES, PHRASES, STATUSES
from .row import Row

TABLE: tuple[Row, ...] = (
    *OUTRANKING,
    *STREAMS_REFUSED,
    *MINIMAX,
    *CODES,
    *MONEY,
    *OVERFLOWS,
    *PHRASES,
    *STATUSES,
    *BARE_CODES,
)
"""What is not in here is the caller's (3xx, 4xx) or the provider's."""


def error_words() -> frozenset[str]:
    """Return the words by which errors are told apart, in lower case: with them gone, a 400 would be another 400."""
    said = (f"{row.example} {'' if row.phrase is None else row.phrase.pattern}" for row in TABLE)
    return frozenset(word.lower() for text in said for word in re.findall(r"[A-Za-z_]+", text))
