"""Events that name what sentences of ours repeat: a tool, a model, a stop word. Their names are made fit to be shown.

Here, where the secrets of the request are known, and before anything is folded, stored or told. What the answer itself
is made of (text, thoughts, the ids and arguments of calls, what is opaque) goes back as it came: it is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from ..core.printable import NAME_CHARS_MAX, printable
from ..core.secret import Secret
from ..core.stream_events import (
    OpaqueBlockReceived,
    ProviderStatus,
    ResponseStarted,
    ServerToolStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
)
from ..core.usage import UsageReport

SPOKEN_OF: frozenset[type[StreamEvent]] = frozenset(
    {ProviderStatus, ResponseStarted, ServerToolStarted, OpaqueBlockReceived, StopReported, StreamFailed, UsageReport}
)
"""The events that `printable_event` may change: a few an answer."""


def printable_event(event: StreamEvent, secrets: Sequence[Secret]) -> StreamEvent:
    """Return the event with names that can be shown."""
    match event:
        case ProviderStatus(message):
            return ProviderStatus(printable(message, secrets=secrets))
        case ResponseStarted(response_id, model):
            return ResponseStarted(printable(response_id, secrets=secrets), printable(model, secrets=secrets))
        case ServerToolStarted(name):
            return ServerToolStarted(printable(name, secrets=secrets))
        case OpaqueBlockReceived(block):
            return evolve(event, block=evolve(block, kind=printable(block.kind, secrets=secrets)))
        case UsageReport(service_tier=str(tier)):
            return evolve(event, service_tier=printable(tier, NAME_CHARS_MAX, secrets=secrets))
        case StopReported(word=word):
            return evolve(event, word=printable(word, secrets=secrets))
        case StreamFailed(failure):
            return StreamFailed(failure.printable(secrets))
        case _:
            return event
