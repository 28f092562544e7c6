"""Every cause of an interruption. The errors that are also named `RateLimited` and `Overloaded` are in `errors`."""

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
