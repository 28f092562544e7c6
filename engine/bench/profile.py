"""How long the silences of the benchmark are: a quick run for CI, a full one for what is published."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..core.usage_error import UsageError


@frozen
class Profile:
    """One timing.

    Attributes:
        name: as it is asked for.
        scale: what the silences of the catalog are multiplied with.
        patience_s: how long a client is to wait for the next word before it takes the stream for dead: the same for
            all that are judged. Longer than any silence that ends by itself and is not meant to be cut short.
        delay_s_max: the longest pause that a client is to make between two attempts by itself.
        trial_s: when a trial that has not ended counts as a hang.
    """

    name: str
    scale: float
    patience_s: float
    delay_s_max: float
    trial_s: float


PROFILES: Mapping[str, Profile] = {
    "quick": Profile("quick", scale=0.05, patience_s=1.5, delay_s_max=0.5, trial_s=15.0),
    "full": Profile("full", scale=1.0, patience_s=30.0, delay_s_max=10.0, trial_s=180.0),
}
"""Full is Failover Bench's: silences of 20, 30 and 120 s, and a patience of 30 s. Quick is a twentieth of it."""


def profile_of(name: str) -> Profile:
    """Return the timing of a name. Raises UsageError."""
    if name not in PROFILES:
        raise UsageError(f"no profile is named {name!r}; expected {' or '.join(PROFILES)}")
    return PROFILES[name]
