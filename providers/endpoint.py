"""Where a provider is and what opens it: base URLs, keys, headers and model names, checked when the provider is made.

Rules: keys travel in headers only and are never shown; https, unless the host is this machine or the caller allows it;
nothing in a URL but scheme, host, port and path; nothing in a header that could begin another.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

from ..engine.core.secret import Secret, is_secret_header, scrub
from ..engine.core.usage_error import KeyUnusable, UsageError

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*\.?|\[(?P<address>[0-9A-Fa-f:.]+)\]"
_HOST_AND_PORT = re.compile(rf"(?:{_HOST})(?::(?P<port>[0-9]{{1,5}}))?")
"""A name, an IPv4 address, or an IPv6 address in brackets, and a port: nothing that one reader of URLs leaves out and
another does not (`[::1]evil.com`). A name may hold underscores, as those of containers do."""

_NETLOC_CHARS_MAX = 260  # a name of the DNS has 253 (RFC 1035, 2.3.4)
_MODEL_CHARS_MAX = 256
_MASKED = re.compile(r"[\w.-]{0,64}\*{3,}[\w.-]{0,64}", re.ASCII)
_TEXT_CHARS_MAX = 8192


class HeaderSecret(Secret):
    """A secret that may hold spaces inside, as `Bearer …` does.

    Raises:
        UsageError: the value is empty or holds anything but visible ASCII and spaces.
    """

    __slots__ = ()

    def __init__(self, value: str, *, name: str = "header") -> None:
        super().__init__(check_header_value(value, name).replace(" ", "") or value, name=name)
        self._value = value


def check_header_value(value: str, name: str) -> str:
    """Return the value of a header if it is visible ASCII with single lines; the message never holds the value."""
    for position, character in enumerate(value):
        if not " " <= character <= "~":
            raise UsageError(
                f"header {name} holds {character.encode('unicode_escape').decode()!r} at position {position}; expected "
                "visible ASCII and spaces"
            )
    return value


def check_headers(headers: Mapping[str, str] | None) -> dict[str, str | Secret]:
    """Return headers of the caller's with lower-case names; the values of those that hold a key are secrets."""
    checked: dict[str, str | Secret] = {}
    for name, value in (headers or {}).items():
        if not _HEADER_NAME.fullmatch(name):
            raise UsageError(f"header name {name!r} is not a token; expected letters, digits and hyphens")
        is_secret = is_secret_header(name, check_header_value(value, name))
        checked[name.lower()] = HeaderSecret(value, name=name) if is_secret else value
    return checked


def check_model(model: str) -> str:
    """Return the name of a model if it could be one at all.

    Raises:
        UsageError: it is empty, longer than 256 characters, holds control characters or white space, or a part of it
            between slashes is empty or made of dots (`../admin`).
    """
    if not model:
        raise UsageError("model is empty; expected the provider's name of a model", argument="model")
    if len(model) > _MODEL_CHARS_MAX:
        raise UsageError(
            f"model is {len(model)} characters long; expected at most {_MODEL_CHARS_MAX}", argument="model"
        )
    if any(character.isspace() or not character.isprintable() for character in model):
        raise UsageError(
            f"model is {model!r}; expected a name without white space and control characters", argument="model"
        )
    if any(part.strip(".") == "" for part in model.split("/")):
        raise UsageError(
            f"model is {model!r}; expected a name without empty or dotted parts between slashes", argument="model"
        )
    return model


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone: `localhost`, 127.0.0.0/8 or ::1. Nothing is looked up."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_base_url(base_url: str, *, allow_insecure: bool, name: str = "base_url") -> SplitResult:
    """Return the parts of a base URL, its path without a slash at the end.

    Raises:
        UsageError: white space or control characters, no scheme or another than http(s), no host, a bad port, userinfo,
            a query or a fragment; http to another machine without `allow_insecure`. A message that could show
            userinfo does not repeat the URL.
    """
    if not base_url or any(not "!" <= character <= "~" or character == "\\" for character in base_url):
        raise UsageError(
            f"{name} is empty or holds white space, a backslash or a character that is not ASCII", argument="base_url"
        )
    parts = _split(base_url, name)
    if "@" in parts.netloc:
        raise UsageError(
            f"{name} holds userinfo before the host; expected none",
            argument="base_url",
            advised="api_key",
            advice=": give the key as api_key=",
        )
    if "?" in base_url or "#" in base_url:
        raise UsageError(
            f"{name} holds a query or a fragment; expected scheme, host and path only", argument="base_url"
        )
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise UsageError(f"{name} is {base_url!r}; expected https://host/path", argument="base_url")
    check_host_and_port(parts.netloc, name)
    if parts.scheme == "http" and not (allow_insecure or is_loopback(parts.hostname)):
        raise UsageError(
            f"{name} is {base_url!r}, which is not encrypted; expected https://, a host on this machine",
            argument="base_url",
            advised="allow_insecure",
            advice=", or allow_insecure=True",
        )
    return parts._replace(path=parts.path.rstrip("/"))


def check_host_and_port(netloc: str, name: str) -> None:
    """Refuse what is not one host and perhaps one port. Raises UsageError, which does not repeat it."""
    found = _HOST_AND_PORT.fullmatch(netloc) if len(netloc) <= _NETLOC_CHARS_MAX else None
    if found is not None and found["port"] is not None and not 1 <= int(found["port"]) <= 65535:
        found = None
    if found is not None and found["address"] is not None:
        try:
            ipaddress.IPv6Address(found["address"])
        except ValueError:
            found = None
    if found is None:
        raise UsageError(f"{name} has no valid host and port; expected https://host:port/path", argument="base_url")


def _split(base_url: str, name: str) -> SplitResult:
    if "://" not in base_url:
        host = base_url.split("/")[0].rpartition("@")[2].partition(":")[0]
        scheme = "http" if is_loopback(host) else "https"
        shown = f"{scheme}://…" if "@" in base_url else f"{scheme}://{base_url}"
        raise UsageError(f"{name} has no scheme; write {shown!r}", argument="base_url")
    try:
        parts = urlsplit(base_url)
        _ = parts.port  # raises where the port is no number of 16 bits
    except ValueError:
        raise UsageError(
            f"{name} has no valid host and port; expected https://host:port/path", argument="base_url"
        ) from None
    return parts


def _count_only(value: Mapping[str, str | Secret]) -> str:
    return f"<{len(value)} headers>"


@frozen
class Endpoint:
    """One base URL with the headers that open it. `name` is the provider's."""

    name: str
    base_url: str
    headers: Mapping[str, str | Secret] = field(repr=_count_only)

    @property
    def host(self) -> str:
        """The host, lower case, without its port."""
        return urlsplit(self.base_url).hostname or ""

    def path(self, path: str) -> str:
        """Return the path that a request to `path` below the base URL has: what errors name, and never a query."""
        return urlsplit(self.base_url).path + path

    def scrub(self, text: str) -> str:
        """Take every secret of this endpoint out of a stranger's text, cut at 8,192 characters: half a key is a key.

        A key that the provider masked itself ("sk-abc***xyz") is masked whole, for its ends are parts of it.
        """
        secrets = [value for value in self.headers.values() if isinstance(value, Secret)]
        return _MASKED.sub("***", scrub(text[:_TEXT_CHARS_MAX], secrets))


def open_endpoint(
    name: str,
    *,
    base_url: str | None,
    base_url_env: str,
    base_url_default: str,
    api_key: str | None,
    api_key_env: str | tuple[str, ...],
    key_header: str,
    headers: Mapping[str, str] | None,
    allow_insecure: bool,
) -> Endpoint:
    """Make an endpoint from what the caller gave and, where that is nothing, the environment.

    `api_key_env` names the variable of the key, or several: the first that is set counts. `key_header` is where the key
    travels; `authorization` makes it a bearer token. A header of that name among `headers` stands for the key. Reading
    the environment happens here, once, when a provider is made.

    Raises:
        UsageError: as `check_base_url`.
        KeyUnusable: the key is missing (the message names the variable) or malformed.
    """
    from_env = os.environ.get(base_url_env) or None
    source = "base_url" if base_url is not None or from_env is None else base_url_env
    given = base_url if base_url is not None else from_env or base_url_default
    parts = check_base_url(given, allow_insecure=allow_insecure, name=source)
    sent = check_headers(headers)
    if key_header not in sent:
        key = _key(name, api_key, api_key_env, is_required=not is_loopback(parts.hostname or ""))
        if key is not None:
            bearer = key_header == "authorization"
            sent[key_header] = HeaderSecret(f"Bearer {key.reveal()}", name="api_key") if bearer else key
    return Endpoint(name, parts.geturl(), sent)


def _key(provider: str, api_key: str | None, env: str | tuple[str, ...], *, is_required: bool) -> Secret | None:
    if api_key is not None:
        return Secret(api_key)
    names = (env,) if isinstance(env, str) else env
    for name in names:
        if value := os.environ.get(name):
            return Secret(value, name=name)
    if is_required:
        raise KeyUnusable(
            f"{provider} has no key: set {' or '.join(names)} in the environment",
            argument="api_key",
            advised="api_key",
            advice=", or give api_key=",
        )
    return None
