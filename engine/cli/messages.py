"""Usage errors of the library in the words of the command line: what is a keyword there is a flag here."""

from __future__ import annotations

from ..core.usage_error import UsageError

FLAGS = {
    "allow_insecure": "--allow-insecure",
    "api_key_env": "--api-key-env",
    "attempts_max": "--attempts",
    "base_url": "--base-url",
    "fault": "--fault",
    "idle_s": "--idle-s",
    "listen": "--listen",
    "max_tokens": "--max-tokens",
    "model": "--model",
    "path": "the journal's name",
    "reasoning_effort": "--effort",
    "run_id": "--run-id",
    "temperature": "--temperature",
    "upstream": "--upstream",
}
"""What an argument of the library is called here."""

ADVICE = {
    ("base_url", "allow_insecure"): ", or --allow-insecure",
    ("base_url", "api_key"): ": put the key into the environment (--api-key-env NAME)",
    ("listen", "allow_remote"): ", or --allow-remote",
    ("upstream", "allow_insecure"): ", or --allow-insecure",
    ("azure_endpoint", "azure_endpoint"): ", or give --base-url",
    ("model", "openai_responses"): "; take -m openai-responses/MODEL instead of openai/MODEL",
    ("provider", "provider"): "; a test can name its provider: recorded(FILE, provider=…)",
}
"""What to do about an argument by another, here; what is not in the table can not be done from a command line."""


def in_flags(error: UsageError) -> str:
    """Return a message as whoever types commands understands it. Numbers are checked before: see `options`."""
    name = error.argument or ""
    message = error.message
    flag = FLAGS.get(name)
    if flag is not None and message.startswith(f"{name} "):
        message = flag + message.removeprefix(name)
    elif flag is not None and message.endswith(f" {name}"):
        message = message.removesuffix(name) + flag
    return message + ADVICE.get((name, error.advised or ""), "")
