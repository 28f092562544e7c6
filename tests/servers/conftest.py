"""The servers of this folder: each is started by the first test that wants it, and stopped with the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.llmock import LLMock, open_llmock
from tests.sockets.conftest import nothing_left

__all__ = ["nothing_left"]  # what holds after every test here, too


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def llmock_process(logs: Path) -> Iterator[LLMock]:
    with open_llmock(logs, "--stream-chunk-delay-ms=1") as server:
        yield server


@pytest.fixture
def llmock(llmock_process: LLMock) -> LLMock:
    """Fresh for every test: nothing is queued, nothing remembered."""
    llmock_process.reset()
    return llmock_process
