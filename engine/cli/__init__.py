"""The command line: `riverrun` and its commands. Hands on `main`."""

from .main import main

__all__ = ["main"]
