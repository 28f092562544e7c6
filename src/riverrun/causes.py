"""Every cause of an interruption. The errors that are also named `RateLimited` and `Overloaded` are in `errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import publish_lazily

if TYPE_CHECKING:
    from .engine.core.causes import (
        ConnectionReset,
        EmptyAnswer,
        FormRefused,
        GoAway,
        IdleStall,
        InterruptCause,
        MalformedStream,
        Overloaded,
        PrematureEnd,
        Provider5xx,
        RateLimited,
        ResumedFromCheckpoint,
    )

__all__ = [
    "ConnectionReset",
    "EmptyAnswer",
    "FormRefused",
    "GoAway",
    "IdleStall",
    "InterruptCause",
    "MalformedStream",
    "Overloaded",
    "PrematureEnd",
    "Provider5xx",
    "RateLimited",
    "ResumedFromCheckpoint",
]

if not TYPE_CHECKING:  # or a type checker would take any name for one of ours
    __getattr__, __dir__ = publish_lazily(
        __name__,
        {
            "engine.core.causes": (
                "ConnectionReset EmptyAnswer FormRefused GoAway IdleStall InterruptCause MalformedStream "
                "Overloaded PrematureEnd Provider5xx RateLimited ResumedFromCheckpoint"
            ),
        },
    )
