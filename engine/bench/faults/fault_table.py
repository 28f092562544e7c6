"""The catalog as the table that `docs/benchmark.md` prints: `python -m riverrun.engine.bench.faults.fault_table`."""

from __future__ import annotations

from itertools import groupby

from .catalog import FAULTS, WIRES, BenchFault

_NAMES = dict(zip(WIRES, ("Messages", "Chat", "Responses", "Gemini", "NDJSON"), strict=True))


def fault_table() -> str:
    """Write a row a fault, under its group, in Markdown."""
    lines = ["| model | what happens | formats |", "| --- | --- | --- |"]
    for group, faults in groupby(FAULTS, key=lambda fault: fault.group):
        lines.append(f"| **{group}** | | |")
        lines += map(_row, faults)
    return "\n".join(lines) + "\n"


def _row(fault: BenchFault) -> str:
    wires = "all" if fault.wires == WIRES else ", ".join(_NAMES[wire] for wire in fault.wires)
    differs = f" *{fault.differs}*" if fault.differs else ""
    lost = f" **Can not be won with one provider:** {fault.cannot_win['*']}." if "*" in fault.cannot_win else ""
    return f"| `{fault.name}` | {fault.title}{differs}{lost} | {wires} |"


if __name__ == "__main__":
    print(fault_table(), end="")
