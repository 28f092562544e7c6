"""The environment of the engine's own client: a mistake in it is told by its variable, and costs no run."""

from __future__ import annotations

import pytest

import riverrun as rr
from riverrun.engine.http.environment import shown
from riverrun.engine.testing.network.server import open_loopback
from riverrun.engine.testing.script.answers import RIVERS
from tests.sockets.peers import QUESTION

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def asked(port: int, store: rr.abc.CheckpointStore | None = None) -> rr.Engine:
    return rr.Engine(rr.Anthropic("claude-sonnet-4-5", api_key="k", base_url=f"http://127.0.0.1:{port}"), store=store)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "HTTPS_PROXY",
            "socks5://me:pass@127.0.0.1:1080",
            r"HTTPS_PROXY is 'socks5://\*\*\*@127.0.0.1:1080'.*httpx\[socks\]",
        ),
        ("https_proxy", "bogus://x", r"https_proxy is 'bogus://x', .* expected http://HOST:PORT"),
        ("ALL_PROXY", "me:pass@host:no-port", r"ALL_PROXY is '\*\*\*@host:no-port'"),
        ("SSL_CERT_FILE", "/nonexistent", "SSL_CERT_FILE is '/nonexistent': No such file"),
        ("SSL_CERT_FILE", __file__, "SSL_CERT_FILE is .*PEM"),
    ],
)
async def test_an_environment_that_can_not_be_used_is_told_by_its_variable(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with pytest.raises(rr.UsageError, match=told) as caught:
        await asked(9).complete(QUESTION)
    assert "pass" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.sockets
async def test_a_run_goes_on_once_the_environment_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> str:
        store = rr.MemoryStore()
        async with open_loopback(RIVERS) as server:
            monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
            with pytest.raises(rr.UsageError):
                await asked(server.port, store).complete(QUESTION, run_id="a")
            monkeypatch.delenv("SSL_CERT_FILE")
            return (await asked(server.port, store).complete(QUESTION, run_id="a")).text

    assert await main() == RIVERS.text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("http://host:1", "'http://host:1'"),
        ("http://me:p@ss/word@host:1", "'http://***@host:1'"),
        ("me@host", "'***@host'"),
    ],
)
def test_a_value_is_shown_without_its_password(value: str, text: str) -> None:
    assert shown(value) == text
