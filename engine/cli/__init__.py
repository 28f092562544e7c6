"""The command line: `riverrun chat`, `resume`, `runs` and `demo`. Hands on `main`."""

from .main import main

__all__ = ["main"]
