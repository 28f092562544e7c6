"""OpenAI's Chat Completions, and the presets of those who speak it."""
