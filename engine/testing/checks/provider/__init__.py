"""What a provider is held to: its requests, its decoding, its whole answers, and runs of the real engine on it."""
