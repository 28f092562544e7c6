"""The laws a plugged-in part is held to: planner, provider, store, policy."""
