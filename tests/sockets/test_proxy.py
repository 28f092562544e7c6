"""A server on this machine is asked directly, whatever proxy the environment names."""

from __future__ import annotations

import pytest

import riverrun as rr
from riverrun.engine.testing.network.server import open_loopback
from riverrun.engine.testing.script.answers import RIVERS

pytestmark = pytest.mark.sockets


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_loopback_server_is_not_asked_through_the_environment_s_proxy(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with open_loopback(RIVERS) as server:
        engine = rr.Engine(rr.Anthropic("claude-sonnet-4-5", base_url=f"http://{host}:{server.port}"))
        assert (await engine.complete(rr.InferenceRequest(rr.Message.user("Tell me.")))).text == RIVERS.text
