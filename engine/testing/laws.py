"""Laws anyone can run: prove your planner, provider, store or policy safe, or get the smallest story of how it is not.

    from riverrun.engine.testing.laws import LawBroken, check_planner

    try:
        print(check_planner(my_plan))
    except LawBroken as broken:
        print(broken.story)

| check            | takes                         | laws | rests on                                     |
| ---------------- | ----------------------------- | ---: | -------------------------------------------- |
| `check_planner`  | what `Engine(planner=…)` takes |   10 | the simulator; Hypothesis adds snapshots     |
| `check_provider` | a `Provider`                  |    9 | Hypothesis, and runs on a network of paper   |
| `check_store`    | a function that makes a store |    6 | scripts, call sequences, the simulator       |
| `check_policy`   | a `Policy`                    |    5 | arithmetic, the simulator                    |

Each takes `runs` and `seed`, gives a `Held` that says what held, and raises `LawBroken` otherwise. None needs pytest,
and none may be called inside a trio run (UsageError): they start runs of their own.
"""

from __future__ import annotations

from .checks.planner import check_planner
from .checks.policy import check_policy
from .checks.provider import check_provider
from .checks.store import check_store
from .law import LAWS, Held, LawBroken

__all__ = ["LAWS", "Held", "LawBroken", "check_planner", "check_policy", "check_provider", "check_store"]
