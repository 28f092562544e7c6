"""Keeps keys out of what the client's libraries log, at any level.

hpack logs every header it writes, the key among them; httpcore and httpx log what a server says, which may repeat it. A
filter on their loggers takes the keys of living transports out, for a client of the caller's too. It would be better if
the key were not there to be logged: hpack lets a header be marked as sensitive, but httpcore does not hand that on.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterable

from ..core.secret import Secret, scrub

LIBRARIES = ("h11", "h2", "hpack", "httpcore", "httpcore2", "httpx", "httpx2")
PARTS = ("connection", "http11", "http2", "proxy", "socks", "hpack", "table")
"""Loggers of their modules, some imported with the first connection only: a filter holds for one logger."""

CODED = ("Encoded header block to", "Decoding")
"""How hpack's records of whole headers begin: in its own coding, where no key is found and each can be read back."""

KEPT_MAX = 16
"""How many keys of one transport are looked for; it has one, unless its provider changes keys."""


class KnownSecrets:
    """The keys that a transport has sent: as long as it lives, no library logs them."""

    def __init__(self) -> None:
        self._secrets: tuple[Secret, ...] = ()
        with _lock:
            _known.add(self)
        _watch_loggers()

    def add(self, secrets: Iterable[Secret]) -> None:
        """Note what a request is about to send. Cost: a comparison for each key that is known."""
        for secret in secrets:
            if all(secret.reveal() != known.reveal() for known in self._secrets):
                self._secrets = (*self._secrets, secret, *_as_bytes(secret))[-KEPT_MAX:]

    def scrub(self, text: str) -> str:
        """Take them out of a text."""
        return scrub(text, self._secrets)


def _as_bytes(secret: Secret) -> list[Secret]:
    """Give a key as the `repr` of bytes shows it, where that differs: with quotes and backslashes escaped."""
    return [Secret(repr(part.encode())[2:-1]) for part in secret.reveal().split() if "\\" in part or "'" in part]


_lock = threading.Lock()  # trio may run in several threads
_known: weakref.WeakSet[KnownSecrets] = weakref.WeakSet()


def _take_keys_out(record: logging.LogRecord) -> bool:
    """Filter a record of a library's; False drops it."""
    with _lock:
        known = tuple(_known)
    if record.name.startswith("hpack") and str(record.msg).startswith(CODED):
        return not known
    text = clean = record.getMessage()
    for secrets in known:
        clean = secrets.scrub(clean)
    if clean != text:
        record.msg, record.args = clean, ()
    return True


def _watch_loggers() -> None:
    """Put the filter on every logger of these libraries; one that has it keeps it once."""
    made = [name for name in tuple(logging.root.manager.loggerDict) if name.partition(".")[0] in LIBRARIES]
    for name in {*made, *LIBRARIES, *(f"{library}.{part}" for library in LIBRARIES for part in PARTS)}:
        logging.getLogger(name).addFilter(_take_keys_out)
