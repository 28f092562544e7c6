"""The clients that are judged: what runs each, in which formats, and how it is set up. Pure.

Each is set up as its own documentation advises for reliability, with the same patience and the same number of attempts
for all. What that means for each is its `title`, and the head of its adapter.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from ...core.usage_error import UsageError
from ...testing.wire.formats import Wire
from .. import clients

CLIENTS = Path(clients.__path__[0])
"""Where the adapters are, each a file that any interpreter can run."""

OURS = "riverrun"
PLAIN = "httpx"
ENDPOINT = "endpoint"

ATTEMPTS = 4
"""How often every client may ask, the first time included: enough for two cuts and a refused form."""

EVERY = (Wire.ANTHROPIC, Wire.OPENAI, Wire.RESPONSES, Wire.GEMINI, Wire.OLLAMA)
CHAT = (Wire.OPENAI,)


@frozen
class Peer:
    """One client.

    Attributes:
        name: as it is asked for.
        title: what it is, and its settings, in a line.
        wires: the formats it is asked in.
        adapter: the file or the module that `clients.worker` runs.
        pins: the file that says what its environment holds; None: it runs in ours.
    """

    name: str
    title: str
    wires: tuple[Wire, ...]
    adapter: str
    pins: Path | None = None


def _peer(name: str, title: str, wires: tuple[Wire, ...], adapter: str) -> Peer:
    return Peer(name, title, wires, str(CLIENTS / adapter), CLIENTS / "pins" / f"{name}.txt")


PEERS: tuple[Peer, ...] = (
    Peer(
        OURS,
        "one engine, one model, one policy",
        EVERY,
        f"{clients.__name__}.riverrun_engine",
    ),
    Peer(PLAIN, "bare, with a read timeout", EVERY, str(CLIENTS / "plain_httpx.py")),
    _peer("openai", "max_retries and timeout", (Wire.OPENAI, Wire.RESPONSES), "openai_sdk.py"),
    _peer("anthropic", "messages.stream, max_retries and timeout", (Wire.ANTHROPIC,), "anthropic_sdk.py"),
    _peer(
        "litellm",
        "Router: retries, fallbacks, enable_mid_stream_fallback_continuation",
        (Wire.OPENAI, Wire.ANTHROPIC),
        "litellm_router.py",
    ),
    _peer(
        "pydantic-ai", "FallbackModel of the model four times", (Wire.OPENAI, Wire.ANTHROPIC), "pydantic_ai_fallback.py"
    ),
    _peer(
        "langchain", "with_fallbacks, max_retries and timeouts", (Wire.OPENAI, Wire.ANTHROPIC), "langchain_fallbacks.py"
    ),
    _peer("l0", "wrap(): retries, timeouts, resumption", CHAT, "l0_wrap.py"),
)
"""In the order of the tables."""

QUICK = (OURS, PLAIN)
"""Who is judged where nobody is named and time is short: what needs no environment of its own."""


def peers_named(names: tuple[str, ...]) -> tuple[Peer, ...]:
    """Return the peers of these names, or of a file with an adapter of one's own. Raises UsageError."""
    return tuple(_peer_named(name) for name in dict.fromkeys(names))


def _peer_named(name: str) -> Peer:
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise UsageError(
                f"--peers says {name}, which is no file; expected an adapter (see bench/clients/worker.py)"
            )
        return Peer(Path(name).stem, "an adapter of your own", CHAT, str(Path(name).resolve()))
    for peer in PEERS:
        if peer.name == name:
            return peer
    raise UsageError(f"no client is named {name!r}; expected {', '.join(peer.name for peer in PEERS)}, or a file *.py")


def endpoint_peer(wires: tuple[Wire, ...]) -> Peer:
    """Return what reads an endpoint that is judged: bare httpx, which adds nothing of its own."""
    return Peer(ENDPOINT, "read by bare httpx", wires, str(CLIENTS / "plain_httpx.py"))
