"""The planted bugs: for each law of the simulator, several ways to break it by one small slip in the engine."""

from __future__ import annotations

from tests.mutants.patching import Mutant
from tests.mutants.planted_ends import END_MUTANTS
from tests.mutants.planted_reading import READING_MUTANTS
from tests.mutants.planted_story import STORY_MUTANTS
from tests.mutants.planted_stream import STREAM_MUTANTS

MUTANTS: tuple[Mutant, ...] = (*STREAM_MUTANTS, *END_MUTANTS, *STORY_MUTANTS, *READING_MUTANTS)
"""All of them; their names are unique."""
