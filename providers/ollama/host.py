"""Where an Ollama is and what opens it: `OLLAMA_HOST` as Ollama's own tools read it, and a key for ollama.com only.

Source: ollama 0.6.3 `_client._parse_host`; ollama/ollama `envconfig/config.go` (`Host`, `ConnectableHost`), 2026-11.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from ...engine.core.secret import Secret
from ...engine.core.usage_error import KeyUnusable, UsageError
from ..endpoint import Endpoint, HeaderSecret, check_base_url, check_headers, check_host_and_port

PORT = 11434
API_KEY_ENV = "OLLAMA_API_KEY"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server listens; nobody can be asked there
_CLOUD = "ollama.com"


def read_host(host: str, *, name: str = "OLLAMA_HOST") -> str:
    """Return the origin that `host` means: a URL, a host, `host:port`, `:port`, each perhaps with a path.

    Without a scheme it is http and port 11434, but for ollama.com; with one, the scheme's own port. The address of all
    interfaces, which is what servers are given, becomes this machine's.

    Raises:
        UsageError: there is no host and port in it.
    """
    bare = f"https://{_CLOUD}" if host.strip() == _CLOUD else host.strip()
    try:
        parts = urlsplit(bare if "://" in bare else f"http://{bare}")
        port = parts.port or (PORT if "://" not in bare else None)
    except ValueError:
        raise UsageError(
            f"{name} has no valid host and port; expected host, host:port or a URL", argument="base_url"
        ) from None
    if "@" in parts.netloc:
        raise UsageError(
            f"{name} holds userinfo before the host; expected none",
            argument="base_url",
            advised="api_key",
            advice=": give the key as api_key=",
        )
    if parts.hostname is not None:
        check_host_and_port(parts.netloc, name)
    address = _EVERYWHERE.get(parts.hostname or "", parts.hostname or "127.0.0.1")
    address = f"[{address}]" if ":" in address else address
    netloc = address if port is None else f"{address}:{port}"
    return SplitResult(parts.scheme, netloc, parts.path.rstrip("/"), parts.query, parts.fragment).geturl()


def open_ollama(
    name: str,
    *,
    base_url: str | None,
    base_url_env: str,
    base_url_default: str,
    api_key: str | None,
    api_key_env: str,
    headers: Mapping[str, str] | None,
    allow_insecure: bool,
) -> Endpoint:
    """Make an endpoint from what the caller gave and, where that is nothing, the environment.

    OLLAMA_API_KEY goes to ollama.com only: it is the account's, and OLLAMA_HOST may be anybody's machine. A key that
    the caller gives, or whose variable the caller names, goes wherever the caller says.

    Raises:
        UsageError: the address can not be used.
        KeyUnusable: ollama.com is asked without a key, or the key is malformed.
    """
    from_env = os.environ.get(base_url_env) or None
    source = "base_url" if base_url is not None or from_env is None else base_url_env
    given = base_url if base_url is not None else from_env or base_url_default
    parts = check_base_url(read_host(given, name=source), allow_insecure=allow_insecure, name=source)
    if parts.path.endswith(("/v1", "/api")):
        raise UsageError(f"{source} is {given!r}; expected it without /v1 or /api: /api/chat is added here")
    sent = check_headers(headers)
    if "authorization" not in sent and (key := _key(name, parts.hostname or "", api_key, api_key_env)) is not None:
        sent["authorization"] = HeaderSecret(f"Bearer {key.reveal()}", name="api_key")
    return Endpoint(name, parts.geturl(), sent)


def _key(name: str, host: str, api_key: str | None, api_key_env: str) -> Secret | None:
    if api_key is not None:
        return Secret(api_key)
    is_cloud = host == _CLOUD or host.endswith("." + _CLOUD)
    value = os.environ.get(api_key_env)
    if value and (is_cloud or api_key_env != API_KEY_ENV):
        return Secret(value, name=api_key_env)
    if is_cloud:
        raise KeyUnusable(
            f"{name} has no key for {host}: set {api_key_env} in the environment",
            argument="api_key",
            advised="api_key",
            advice=", or give api_key=",
        )
    return None
