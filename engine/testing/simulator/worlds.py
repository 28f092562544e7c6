"""What surrounds the engine in a simulated run, by the name of its level: provider and network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ...core.request import InferenceRequest
from ...core.usage_error import UsageError
from .byte_level import ByteWorld
from .event_level import EventWorld
from .generation import ReadingModel
from .model import Model, World
from .reading_bytes import ReadingByteWorld
from .reading_level import ReadingWorld

MakeWorld: TypeAlias = Callable[[Model, InferenceRequest, Callable[[], float]], World]


def _events_world(model: Model, request: InferenceRequest, dice: Callable[[], float]) -> World:
    """Make the world of events; where a generation can be read on, it is asked as a provider is."""
    if isinstance(model, ReadingModel):
        return ReadingWorld(model, request, dice)
    return EventWorld(model, request, dice)


def _bytes_world(model: Model, request: InferenceRequest, dice: Callable[[], float]) -> World:
    """Make the world of bytes, of a real provider, or of the one whose generations can be read on."""
    if isinstance(model, ReadingModel):
        return ReadingByteWorld(model, request, dice)
    return ByteWorld(model, request, dice)


WORLDS: dict[str, MakeWorld] = {"events": _events_world, "bytes": _bytes_world}


def world_of(level: str) -> MakeWorld:
    """Find how the world of a level is made. Raises UsageError for a level that is not known."""
    if level not in WORLDS:
        raise UsageError(f"level {level!r} is not known; expected one of {', '.join(WORLDS)}")
    return WORLDS[level]
