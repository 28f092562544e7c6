"""`python -m riverrun`: the same as the command `riverrun`."""

from __future__ import annotations

import sys

from .engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
