"""Two pytest fixtures, for whoever asks: `pytest_plugins = ["riverrun.testing.pytest_plugin"]` in a conftest."""

from __future__ import annotations

from ..engine.testing.pytest_plugin import MakeTransport, RunsSimulation, riverrun_simulation, scripted_provider

__all__ = ["MakeTransport", "RunsSimulation", "riverrun_simulation", "scripted_provider"]
