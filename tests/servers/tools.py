"""Where `.ci/servers` puts the servers that others wrote, and what becomes of a test whose server is not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def tools_path() -> Path:
    """The folder with one folder a tool; `RIVERRUN_SERVERS` names another."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("RIVERRUN_SERVERS") or Path(cache) / "riverrun-servers")


def miss(what: str) -> NoReturn:
    """Skip the test for want of a tool; fail it under CI, where everything is installed."""
    reason = f"{what} is not installed (.ci/servers installs it)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def require(name: str, *parts: str) -> Path:
    """A file of a tool that `.ci/servers` installed."""
    folder = tools_path() / name
    if not (folder / ".installed").exists():  # written last
        miss(name)
    return folder.joinpath(*parts)


def require_program(name: str) -> str:
    """A program of the system; administrators' folders count, for not every user has them on the path."""
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
    return shutil.which(name, path=search) or miss(name)
