"""The protocols one implements to plug something in. Nothing to inherit: a class with the members is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import publish_lazily

if TYPE_CHECKING:
    from .engine.core.provider import CountsIgnored, Provider, Reattachable, WireDecoder
    from .engine.http.transport import Body, Transport
    from .engine.source import EventSource
    from .engine.stores.store import CheckpointStore, FirstEntryReader

__all__ = [
    "Body",
    "CheckpointStore",
    "CountsIgnored",
    "EventSource",
    "FirstEntryReader",
    "Provider",
    "Reattachable",
    "Transport",
    "WireDecoder",
]

if not TYPE_CHECKING:  # or a type checker would take any name for one of ours
    __getattr__, __dir__ = publish_lazily(
        __name__,
        {
            "engine.core.provider": "CountsIgnored Provider Reattachable WireDecoder",
            "engine.http.transport": "Body Transport",
            "engine.source": "EventSource",
            "engine.stores.store": "CheckpointStore FirstEntryReader",
        },
    )
