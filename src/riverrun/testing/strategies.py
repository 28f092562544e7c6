"""Hypothesis strategies for everything that riverrun reads, folds and plans. Needs `pip install hypothesis`."""

from __future__ import annotations

from ..engine.testing.find_smallest import find_smallest
from ..engine.testing.strategies import (
    LOOK,
    answers,
    capabilities,
    chunked,
    fault_schedules,
    interrupt_snapshots,
    json_objects,
    mutated,
    policies,
    requests,
    scenarios,
    stream_events,
    texts,
    tool_calls,
    wire_bytes,
)

__all__ = [
    "LOOK",
    "answers",
    "capabilities",
    "chunked",
    "fault_schedules",
    "find_smallest",
    "interrupt_snapshots",
    "json_objects",
    "mutated",
    "policies",
    "requests",
    "scenarios",
    "stream_events",
    "texts",
    "tool_calls",
    "wire_bytes",
]
