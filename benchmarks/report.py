"""How a benchmark says what it measured: aligned tables, and the machine in general words."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from statistics import median


def best_and_median(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the middle of the rounds: the least disturbed, and the usual."""
    return min(values), median(values)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align a table: the first column to the left, numbers to the right. It is Markdown too."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        for row in [head, rule, *rows]
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def verdict(claim: str, seen: float, most: float, unit: str = "") -> str:
    """Say whether a target is met."""
    word = "PASS" if seen <= most else "FAIL"
    return f"{word}  {claim}: {seen:.2f}{unit}, target at most {most:g}{unit}"


def machine() -> str:
    """Describe what ran this, without its name."""
    versions = ", ".join(f"{name} {found}" for name in ("trio", "httpx", "httpx2", "h11") if (found := _version(name)))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python} on {platform.system()} {platform.machine()}, {os.cpu_count()} processors; {versions}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
