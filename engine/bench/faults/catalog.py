"""Every fault of the benchmark, by the name of the model that draws it.

A model's name is the fault's, or `NAME@SEED`; a prefix up to the last slash, as gateways put one, is not looked at, and
`fb-` may stand before it, so that a client configured for Failover Bench finds the same sixteen rules here.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from attrs import frozen

from ...core.usage_error import UsageError
from .failover_rules import FAILOVER_RULES
from .fault import WIRES, BenchFault
from .own_below_words import FAULTS_BELOW
from .own_in_words import FAULTS_OF_SPEECH

__all__ = ["FAULTS", "WELL_BEHAVED", "WIRES", "BenchFault", "Drawn", "drawn_by"]

WELL_BEHAVED = BenchFault(name="well", group="Control", title="Nothing goes wrong.")
"""The control: whoever is not exact here is not set up right. It is no fault."""

FAULTS: tuple[BenchFault, ...] = (*FAILOVER_RULES, *FAULTS_BELOW, *FAULTS_OF_SPEECH)
"""All faults, in the order of the report."""

_BY_NAME = {fault.name: fault for fault in (WELL_BEHAVED, *FAULTS)}
_BY_ID = {fault.name.partition("-")[0]: fault for fault in FAILOVER_RULES}
_SEEDED = re.compile(r"(?P<name>.+?)(?:@(?P<seed>\d{1,18}))?")


@frozen
class Drawn:
    """What a model's name draws."""

    fault: BenchFault
    seed: int = 0


def drawn_by(model: str) -> Drawn:
    """Read a model's name. Raises UsageError for one that names no fault."""
    name = unquote(model).rsplit("/", 1)[-1].strip().lower().removeprefix("fb-")
    match = _SEEDED.fullmatch(name)
    found = None if match is None else _BY_NAME.get(match["name"]) or _BY_ID.get(match["name"].partition("-")[0])
    if match is None or found is None:
        raise UsageError(
            f"no fault is named {model[:80]!r}; expected one of {', '.join(_BY_NAME)}, with @SEED or without"
        )
    return Drawn(found, int(match["seed"] or 0))
