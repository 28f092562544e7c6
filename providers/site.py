"""Where one model is asked: the checked model, its endpoint and path, and how an error from there is named.

A provider holds one, made from what its class declares and from the options that every provider takes. A provider of
your own needs none: `endpoint.open_endpoint` and `error_table.classify.failure_of_response` do as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol, TypedDict, cast

from attrs import evolve, field, frozen

from ..engine.core.capabilities import Capabilities
from ..engine.core.failures import Failure
from ..engine.core.json_value import JSONValue
from ..engine.core.provider import ErrorResponse, WireRequest
from .endpoint import Endpoint, check_model, open_endpoint
from .error_table.classify import failure_in_stream, failure_of_response


class SiteOptions(TypedDict, total=False):
    """What every provider takes by keyword."""

    api_key: str | None
    """The key; otherwise read from the environment. Not needed where a server on this machine is asked."""
    base_url: str | None
    """Where the API is; otherwise the variable of the provider's official library, otherwise the provider's own."""
    api_key_env: str | None
    """Another variable that holds the key, the only one then."""
    headers: Mapping[str, str] | None
    """More headers; one that holds a key (`authorization`, or the provider's own) stands for the key."""
    allow_insecure: bool
    """Allow http to another machine."""
    client: object | None
    """The HTTP client to use for this provider; carried, never touched here."""
    capabilities: Capabilities | None
    """How answers can be continued, where what riverrun knows of the model is wrong about it."""
    ends_without_finish: bool
    """The server gives no finish reason: a body that ends in order is a whole answer, as `StopReason.OTHER`."""


class Declared(Protocol):
    """What a provider's class says of where it is asked and what opens it."""

    @property
    def name(self) -> str:
        """The word before the slash in "anthropic/claude-…"."""
        ...

    api_key_envs: ClassVar[tuple[str, ...]]
    """The variables that the key is read from: the first that is set."""
    key_header: ClassVar[str]
    """The header of the key; `authorization` makes it a bearer token."""
    base_url_env: ClassVar[str]
    """The variable of the base URL; "" is none."""
    base_url_default: ClassVar[str]
    """The provider's own base URL."""


@frozen
class Site:
    """One model at one endpoint; requests go to `path` there, unless told otherwise."""

    model: str
    endpoint: Endpoint
    path: str
    client: object | None = field(default=None, repr=False)
    capabilities: Capabilities | None = None
    """What the caller said of how answers can be continued."""
    ends_without_finish: bool = False

    def declare(self, known: Capabilities) -> Capabilities:
        """Return what the caller said, else what is known of the model."""
        declared = self.capabilities or known
        return evolve(declared, ends_without_finish=True) if self.ends_without_finish else declared

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self.endpoint.base_url

    @property
    def origin(self) -> str:
        """Whose reasoning the model's is, "provider/model"."""
        return f"{self.endpoint.name}/{self.model}"

    def post(self, body: bytes, *, url: str | None = None, accept: str = "text/event-stream") -> WireRequest:
        """Write the request that sends a JSON body."""
        headers = {"content-type": "application/json", "accept": accept, **self.endpoint.headers}
        return WireRequest(url or self.base_url + self.path, headers, body)

    def get(self, below: str) -> WireRequest:
        """Write the request that reads a stream on; `below` follows the path."""
        headers = {"accept": "text/event-stream", **self.endpoint.headers}
        return WireRequest(self.base_url + self.path + below, headers, b"", method="GET")

    def failure(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        return failure_of_response(response, self.endpoint, self.path, now_unix_s=now_unix_s)

    def failure_in_stream(self, error: JSONValue) -> Failure:
        """Name an error that came inside a stream."""
        return failure_in_stream(error, self.endpoint, self.path)

    def show(self, provider: object) -> str:
        """Return the `repr` of the provider that holds this: neither its key nor a header is in it."""
        return f"{type(provider).__name__}({self.model!r}, base_url={self.base_url!r})"


def open_site(
    provider: Declared,
    model: str,
    options: SiteOptions,
    *,
    path: str,
    headers: Mapping[str, str | None] | None = None,
    open_at: Callable[..., Endpoint] = open_endpoint,
) -> Site:
    """Check the model and open the endpoint, from what the caller gave and, where that is nothing, the environment.

    Args:
        provider: the provider that is being made.
        model: the provider's name of the model.
        options: what the caller gave by keyword.
        path: what follows the base URL.
        headers: the provider's own; None leaves one out, and the caller's come after them.
        open_at: makes the endpoint; takes what `open_endpoint` takes.

    Raises:
        TypeError: an option that no provider has.
        UsageError: the model, the key, the base URL or a header can not be used; the message says which and why.
    """
    _check_known(provider, options)
    checked = check_model(model)
    sent = given_headers(headers or {}, options.get("headers"))
    endpoint = open_at(
        provider.name,
        base_url=options.get("base_url"),
        base_url_env=provider.base_url_env,
        base_url_default=provider.base_url_default,
        api_key=options.get("api_key"),
        api_key_env=options.get("api_key_env") or provider.api_key_envs,
        key_header="authorization" if any(name.lower() == "authorization" for name in sent) else provider.key_header,
        headers=sent,
        allow_insecure=options.get("allow_insecure", False),
    )
    return Site(
        checked,
        endpoint,
        path,
        options.get("client"),
        options.get("capabilities"),
        ends_without_finish=options.get("ends_without_finish", False),
    )


def given_headers(named: Mapping[str, str | None], others: Mapping[str, str] | None) -> dict[str, str]:
    """Join headers that have a name of their own among the options, where they are given, with the others."""
    return {**{name: value for name, value in named.items() if value is not None}, **(others or {})}


def _check_known(provider: object, options: SiteOptions) -> None:
    """Refuse a keyword that is none, as Python does where a signature names each."""
    unknown = next((name for name in cast("Mapping[str, object]", options) if name not in _NAMES), None)
    if unknown is not None:
        raise TypeError(f"{type(provider).__name__}() got an unexpected keyword argument {unknown!r}")


_NAMES = frozenset(SiteOptions.__annotations__)
