"""The core computes: no trio, no httpx, no clock, no dice, no logging."""
