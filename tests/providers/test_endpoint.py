"""Base URLs, keys, headers and model names: what is taken, what is refused, and that a key is never shown."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun import Anthropic, Ollama, OpenAIChat
from riverrun.engine.core.messages import Message
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.secret import Secret
from riverrun.engine.core.usage_error import KeyUnusable, UsageError
from riverrun.providers.endpoint import Endpoint, HeaderSecret, check_base_url, check_model, is_loopback

CANARY = "sk-canary-0123456789"
PROVIDERS = [Anthropic, OpenAIChat]
HI = InferenceRequest(Message.user("hi"))

each_provider = pytest.mark.parametrize("provider", PROVIDERS)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@each_provider
def test_a_missing_key_names_the_variable(provider: Any) -> None:
    with pytest.raises(UsageError, match="set SOME_KEY in the environment"):
        provider("m", api_key_env="SOME_KEY")


def test_a_key_that_can_not_be_used_has_a_type_of_its_own() -> None:
    with pytest.raises(KeyUnusable):
        Anthropic("m")
    with pytest.raises(KeyUnusable):
        OpenAIChat("m", api_key="")


def scrubbed(text: str, secret: str = CANARY) -> str:
    endpoint = Endpoint("test", "https://example.com", {"authorization": HeaderSecret(f"Bearer {secret}")})
    return endpoint.scrub(text)


@given(st.text(max_size=50), st.integers(8, len(CANARY)), st.text(max_size=50))
def test_no_key_and_no_beginning_of_one_survives_a_scrub(before: str, chars: int, after: str) -> None:
    assert CANARY[:8] not in scrubbed(before + CANARY[:chars] + after)


def test_a_scrub_is_short_work_and_takes_masked_keys_whole() -> None:
    assert len(scrubbed("a" * 1_000_000)) == 8192
    assert scrubbed("key sk-ab***yz, and **bold**") == "key ***, and **bold**"


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", "LOCALHOST"])
@each_provider
def test_this_machine_needs_no_key_and_no_tls(provider: Any, host: str) -> None:
    headers = provider("m", base_url=f"http://{host}/x").encode(HI).headers
    assert not any(isinstance(value, Secret) for value in headers.values())


@pytest.mark.parametrize(
    "host", ["localhost.evil.com", "127.0.0.1.evil.com", "evil.com", "10.0.0.1", "0.0.0.0", "[::2]"]
)
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not is_loopback(host.strip("[]"))
    with pytest.raises(UsageError, match="not encrypted"):
        Anthropic("m", base_url=f"http://{host}", api_key=CANARY)


def test_http_to_another_machine_can_be_allowed() -> None:
    assert Anthropic("m", base_url="http://10.0.0.1", api_key=CANARY, allow_insecure=True).base_url == "http://10.0.0.1"


BAD_URLS = {
    "api.example.com/v1": "write 'https://api.example.com/v1'",
    "localhost:8080/v1": "write 'http://localhost:8080/v1'",
    "ftp://example.com": "expected https://",
    "https://": "expected https://",
    "https://user:pa55word@example.com": "holds userinfo",
    "user:pa55word@example.com": "no scheme",
    "https://example.com?key=pa55word": "query or a fragment",
    "https://example.com/v1?": "query or a fragment",
    "https://example.com#x": "query or a fragment",
    "https://example.com:99999": "host and port",
    "https://example.com:x": "host and port",
    "https://[::1": "host and port",
    "https://exa mple.com": "white space",
    "https://example.com/\r\nx: y": "white space",
    "https://example.com\\@evil.com": "backslash",
    "http://[::1]evil.com": "host and port",
    "http://[::1].evil.com": "host and port",
    "http://[::1]:80evil": "host and port",
    "http://[::1]]": "host and port",
    "http://x[::1]": "host and port",
    "http://[::1%25eth0]": "host and port",
    "https://[v1.x]": "host and port",
    "https://[1:2]": "host and port",
    "http://::1": "host and port",
    "http://127.0.0.1@evil.com": "holds userinfo",
    "http://127.0.0.1:80@evil.com": "holds userinfo",
    "http://localhost:80evil": "host and port",
    "http://localhost:+80": "host and port",
    "http://localhost:": "host and port",
    "https://example.com:0": "host and port",
    "https://example.com:65536": "host and port",
    f"https://example.com:{'9' * 5000}": "host and port",
    "https://a..b": "host and port",
    "https://-example.com": "host and port",
    "https://localhost%2eevil.com": "host and port",
    "https://localhost;evil.com": "host and port",
    "https://localhost,evil.com": "host and port",
    "": "empty",
}


@pytest.mark.parametrize("url", BAD_URLS, ids=lambda url: url[:40])
@each_provider
def test_a_base_url_that_can_not_be_one_is_refused(provider: Any, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        provider("m", base_url=url, api_key=CANARY)
    assert BAD_URLS[url] in str(caught.value)
    assert "pa55word" not in str(caught.value)


@given(st.text(max_size=30) | st.text(max_size=20).map(lambda text: "https://" + text))
def test_any_base_url_is_taken_or_refused(url: str) -> None:
    try:
        parts = check_base_url(url, allow_insecure=False)
    except UsageError:
        return
    assert parts.hostname
    assert not parts.query


@pytest.mark.parametrize("host", ["http://[::1]evil.com", "[::1].evil.com", "http://localhost:80evil", "a..b"])
def test_a_host_of_ollama_that_can_not_be_one_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="host and port"):
        Ollama("m", base_url=host)
    monkeypatch.setenv("OLLAMA_HOST", host)
    with pytest.raises(UsageError, match="OLLAMA_HOST has no valid host and port"):
        Ollama("m")


GOOD_HOSTS = ["example.com", "example.com.", "my_model-1.internal:8000", "10.0.0.1:65535", "[2001:db8::1]:443", "[::1]"]


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_a_host_with_or_without_a_port_is_taken(host: str) -> None:
    assert OpenAIChat("m", base_url=f"https://{host}/v1", api_key=CANARY).base_url == f"https://{host}/v1"


SECRET_HEADERS = ["X-JWT", "x-password", "x-session", "x-signature", "x-db-pass", "X-Access-Token", "Cookie", "x-sig"]


@pytest.mark.parametrize("name", SECRET_HEADERS)
def test_a_header_that_opens_something_by_its_name_is_a_secret(name: str) -> None:
    sent = OpenAIChat("m", api_key=CANARY, headers={name: "planted-canary"}).encode(HI)
    assert isinstance(sent.headers[name.lower()], Secret)
    assert "planted-canary" not in repr(sent)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Basic", "Token", "Negotiate"])
def test_a_header_that_opens_something_by_its_value_is_a_secret(scheme: str) -> None:
    sent = Anthropic("m", api_key=CANARY, headers={"x-upstream": f"{scheme} planted-canary"}).encode(HI)
    assert isinstance(sent.headers["x-upstream"], Secret)
    assert "planted-canary" not in repr(sent)


@pytest.mark.parametrize(
    "header", [("x-title", "my app"), ("x-passage", "7"), ("x-design", "a"), ("x-note", "bearers")]
)
def test_other_headers_are_shown(header: tuple[str, str]) -> None:
    sent = OpenAIChat("m", api_key=CANARY, headers=dict([header])).encode(HI)
    assert sent.headers[header[0]] == header[1]


def test_a_base_url_means_what_it_means_in_the_official_libraries() -> None:
    assert OpenAIChat("m", api_key=CANARY).encode(HI).url == "https://api.openai.com/v1/chat/completions"
    assert Anthropic("m", api_key=CANARY).encode(HI).url == "https://api.anthropic.com/v1/messages"
    proxied = Anthropic("m", api_key=CANARY, base_url="https://example.com/anthropic/")
    assert proxied.encode(HI).url == "https://example.com/anthropic/v1/messages"


def test_a_base_url_of_anthropic_with_its_version_is_refused() -> None:
    with pytest.raises(UsageError, match="without /v1"):
        Anthropic("m", api_key=CANARY, base_url="https://api.anthropic.com/v1/")


def test_the_environment_is_read_when_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.com/v1")
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    provider = OpenAIChat("m")
    assert provider.base_url == "https://example.com/v1"
    assert provider.encode(HI).headers["authorization"].reveal() == f"Bearer {CANARY}"  # type: ignore[union-attr]
    assert OpenAIChat("m", base_url="https://example.org/v1").base_url == "https://example.org/v1"


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "example.com")
    with pytest.raises(UsageError, match="ANTHROPIC_BASE_URL has no scheme"):
        Anthropic("m", api_key=CANARY)
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY + "\n")
    with pytest.raises(UsageError, match="ANTHROPIC_API_KEY holds"):
        Anthropic("m")


@pytest.mark.parametrize("key", ["", "a b", CANARY + "\n", "schlüssel", "a\0b"])
@each_provider
def test_a_key_that_can_not_be_one_is_refused_and_not_shown(provider: Any, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        provider("m", api_key=key)
    assert "canary" not in str(caught.value)


@each_provider
def test_a_key_is_never_shown(provider: Any) -> None:
    made = provider("m", api_key=CANARY, headers={"X-Extra-Token": "canary-too"})
    request = made.encode(HI)
    assert "canary" not in repr(made) + str(made) + repr(request) + repr(vars(made)) + request.url
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(request)


@each_provider
def test_the_representation_names_model_and_base_url(provider: Any) -> None:
    made = provider("some-model", api_key=CANARY, base_url="https://example.com/x")
    assert repr(made) == f"{provider.__name__}('some-model', base_url='https://example.com/x')"


def test_a_header_that_carries_a_key_stands_for_it() -> None:
    bearer = Anthropic("m", headers={"Authorization": "Bearer token-canary"}).encode(HI).headers
    assert bearer["authorization"].reveal() == "Bearer token-canary"  # type: ignore[union-attr]
    assert "x-api-key" not in bearer
    assert "canary" not in repr(bearer)


@pytest.mark.parametrize(
    "header", [("x-a", "b\r\nc: d"), ("x-a", "b\0"), ("x a", "b"), ("x-a\r\nb", "c"), ("", "x"), ("x", "ü")]
)
@each_provider
def test_a_header_that_could_begin_another_is_refused(provider: Any, header: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="header"):
        provider("m", api_key=CANARY, headers=dict([header]))


def test_headers_of_an_organization_and_a_version_are_sent() -> None:
    openai = OpenAIChat("m", api_key=CANARY, organization="org", project="proj").encode(HI).headers
    assert (openai["openai-organization"], openai["openai-project"]) == ("org", "proj")
    claude = Anthropic("m", api_key=CANARY, version="2026-10-21", headers={"Anthropic-Beta": "x"}).encode(HI).headers
    assert (claude["anthropic-version"], claude["anthropic-beta"]) == ("2026-10-21", "x")


@pytest.mark.parametrize(
    "model", ["", ".", "..", "../../admin", "a/../b", "a//b", "/a", "a b", "a\n", "a\0", "a\u2028b", "x" * 300]
)
def test_a_model_that_could_not_be_one_is_refused(model: str) -> None:
    with pytest.raises(UsageError, match="model is"):
        check_model(model)


@pytest.mark.parametrize(
    "model", ["claude-opus-5-5", "org/model:free", "gpt-4.1", "anthropic.claude-3-haiku-20240307-v1:0"]
)
def test_a_model_may_be_named_as_the_clouds_do(model: str) -> None:
    assert check_model(model) == model


@each_provider
def test_a_client_is_carried(provider: Any) -> None:
    client = object()
    assert provider("m", api_key=CANARY, client=client).client is client
