"""What a hostile server may cost: memory, and how long it holds up every other run of the process.

Each module `attacks_<format>` has its attacks in `ATTACKS`, by name. All run in subprocesses under the default limits;
most under the marker `deep`, one of each format in the quick suite (`QUICK` names them).
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.attack import LATE_S_MAX, Attack, cheapest

pytestmark = [
    pytest.mark.sockets,
    pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc"),
]


def attacks() -> list[Any]:
    """Every attack of every format, as a parameter of its own."""
    found = []
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("attacks_"):
            loaded = importlib.import_module(f"tests.hostile.{module.name}")
            every: dict[str, Attack] = loaded.ATTACKS
            quick: set[str] = loaded.QUICK
            for name, attack in every.items():
                marks = () if name in quick else (pytest.mark.deep,)
                found.append(pytest.param(attack, id=f"{module.name[8:]}: {name}", marks=marks))
    return found


@pytest.mark.parametrize("attack", attacks())
def test_no_attack_takes_much_memory_or_holds_up_the_other_runs(attack: Attack) -> None:
    cost = cheapest(attack)
    assert cost.grown_bytes < attack.grown_bytes_max, cost
    assert cost.late_s < LATE_S_MAX, cost
    assert cost.end not in ("did not end", "MemoryError", "RecursionError"), cost
