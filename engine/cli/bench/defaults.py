"""What `riverrun bench` takes where nothing is said. For --help, which imports nothing: a test holds it to the kit."""

from __future__ import annotations

ANSWERS = 300
WORDS = 400
TRACES = ("log-normal", "heavy-tail", "re-buffering", "thinking", "local-load")
CONTINUES = ("prefill", "quote", "cursor", "nothing")
ODDS = ("dies", "goes_silent", "silent_s", "slows", "slow_factor", "ends_early")
PROFILES = ("quick", "full")
PEERS = ("riverrun", "httpx", "openai", "anthropic", "litellm", "pydantic-ai", "langchain", "l0")
FAULT_WIRES = ("anthropic", "openai", "openai-responses", "gemini", "ollama")
