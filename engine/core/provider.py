"""What a provider is to the engine: four pure questions. Nothing to inherit; a class with these members is a provider.

`encode` makes the request, `decoder` makes a fresh decoder for each attempt, `classify` names an error response, and
`capabilities` says how an answer can be continued. None of them does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from .capabilities import Capabilities, ContinuationForm
from .failures import Failure
from .policy import Limits
from .request import InferenceRequest
from .secret import Secret
from .stream_events import StreamEvent


@frozen
class WireRequest:
    """One HTTP request, ready to send. Secrets stay wrapped until the transport writes them."""

    url: str
    headers: Mapping[str, str | Secret]
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    method: str = "POST"


@frozen
class ErrorResponse:
    """An answer that is not a stream: its status, headers (lower-case names) and the first bytes of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")


class WireDecoder(Protocol):
    """Turns the bytes of one response into stream events. Fed any cut of the bytes, it makes the same events.

    Never raises on content: what is not the wire format becomes a `StreamFailed` or the `MalformedStream` of
    `defect`. A decoder is used for one response and by one task.
    """

    @property
    def is_complete(self) -> bool:
        """Whether the provider's terminal event was seen: what follows can not make the answer a failure."""
        ...

    @property
    def defect(self) -> str | None:
        """What was seen and expected, once the bytes stopped being the wire format; None while they are."""
        ...

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events that they complete."""
        ...

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body; return what only the end makes sure."""
        ...


@runtime_checkable
class TellsEnds(Protocol):
    """What a decoder may have besides: it tells the body's end in order from one that broke off or was cut.

    Without it every end of the body is taken as one in order, by `close`.
    """

    @property
    def is_cut(self) -> bool:
        """Whether the body ended inside a frame, or a block that ends by a word of its own; told after `close`.

        Such an end is never the answer's.
        """
        ...

    def close_broken(self) -> Sequence[StreamEvent]:
        """Take that the connection broke, in place of `close`: nothing is whole that only an end in order makes so."""
        ...


@runtime_checkable
class CountsIgnored(Protocol):
    """What a decoder may have besides: counts of what it did not understand and what changed nothing, by kind."""

    @property
    def ignored(self) -> Mapping[str, int]:
        """How often each kind was seen so far; told in `AttemptRecord.ignored`."""
        ...


class Provider(Protocol):
    """One model at one endpoint. `name` is the word before the slash in "anthropic/claude-…"."""

    @property
    def name(self) -> str:
        """The provider's short name."""
        ...

    @property
    def model(self) -> str:
        """The model's name, as the provider takes it."""
        ...

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Say how an answer to this request can be continued."""
        ...

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request; `form` says that its last messages are a continuation of that form."""
        ...

    def decoder(self, limits: Limits) -> WireDecoder:
        """Make a decoder for one response."""
        ...

    def classify(self, response: ErrorResponse, /, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream. `now_unix_s` reads dates in Retry-After."""
        ...


class Reattachable(Protocol):
    """What a provider has besides, if its capabilities declare `can_reattach`: the same generation, read on."""

    def reattach(self, cursor: str, limits: Limits) -> tuple[WireRequest, WireDecoder]:
        """Write the request that goes on after `cursor` (the last `CursorMoved`), and make its decoder.

        The decoder gives only what comes after the cursor. What was open there (text, reasoning, a call by its id) is
        open still, and goes on without another start. Usage it reports is that of the whole generation.

        Raises:
            UsageError: the cursor is none of this provider's; the run then goes on without it.
        """
        ...
