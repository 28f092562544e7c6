"""What a benchmark ran on, as its results tell it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version


def environment() -> dict[str, str]:
    """Say what machine this is: its kind, not its name."""
    return {
        "riverrun": _version("riverrun"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count() or 1),
        "trio": _version("trio"),
        "httpx": _version("httpx"),
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
