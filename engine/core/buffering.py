"""Whether something between here and the provider holds an answer back until it is whole: a proxy that buffers.

Its reader sees nothing for as long as the model speaks, and then everything at once. What tells it from a model that
thought first is the pace: nobody writes as fast as a buffer empties. All three have to hold:

1. Nothing of the body came for 5 s after the request, no ping either: who lets pings through lets words through.
2. What came then brought 1 KiB of text, reasoning or arguments at least: of a short answer nothing can be told.
3. It came at 64 KiB/s or more, some 16,000 tokens a second: five times the fastest that is served (Cerebras, 2026).

It can not see a proxy that hands on in pieces, and it takes a model that writes whole blocks at once for one.

*Source*: nginx `proxy_buffering` (on by default), Envoy's buffer filter, Cloudflare's response buffering.
"""

from __future__ import annotations

WAITED_S_MIN = 5.0
BYTES_MIN = 1024
BYTES_PER_S_MIN = 64 * 1024


BUFFERED = "nothing came for a while, and then all of it at once: does a proxy on the way buffer the answer?"
"""What the consumer is told, once a run."""


def is_buffered(waited_s: float, took_s: float, useful_bytes: int) -> bool:
    """Whether an answer was held back: first byte after `waited_s`, all of it within `took_s` of that."""
    is_burst = useful_bytes >= BYTES_MIN and useful_bytes >= BYTES_PER_S_MIN * took_s
    return waited_s >= WAITED_S_MIN and is_burst
