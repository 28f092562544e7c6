"""What the engine's own client is told by the environment, and what is said where that can not be used.

A mistake there is the caller's to mend, so it is a `UsageError` that names the variable, without a password.
"""

from __future__ import annotations

import os
import re

from ..core.printable import printable
from ..core.usage_error import UsageError

CERTIFICATES = ("SSL_CERT_FILE", "SSLKEYLOGFILE")  # SSL_CERT_DIR: a folder that is not there is an empty one
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
INSTEAD = "correct or unset it, or give the provider a client of yours, such as httpx.AsyncClient(trust_env=False)"


def proxies() -> dict[str, str]:
    """Return the variables that name a proxy, as they are written."""
    return {name: value for name, value in os.environ.items() if name.lower() in PROXIES and value}


def unusable_certificates(error: OSError) -> UsageError | None:
    """Say which variables may have made certificates unreadable; None if none of them is set."""
    named = " and ".join(f"{name} is {shown(os.environ[name])}" for name in CERTIFICATES if os.environ.get(name))
    if not named:
        return None
    return UsageError(f"{named}: {error.strerror or error}; expected a file that can be read, in PEM; {INSTEAD}")


def unusable_proxy(named: dict[str, str], *, needs_socks: bool) -> UsageError:
    """Say which variables name a proxy that the client can not use."""
    seen = " and ".join(f"{name} is {shown(value)}" for name, value in named.items())
    why = "SOCKS needs a package more: pip install 'httpx[socks]'" if needs_socks else "expected http://HOST:PORT"
    return UsageError(f"{seen or 'the system names a proxy'}, which can not be used; {why}; {INSTEAD}")


def shown(value: str) -> str:
    """Show a variable's value without the name and password of a URL."""
    return repr(printable(re.sub(r"^([^:/@]*://)?.*@", r"\1***@", value)))
