"""The console script: nothing but a guard around the import of riverrun, which takes a while and may be interrupted.

It stands beside the package because importing anything inside it runs the package's `__init__` first.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command `riverrun`, and return its exit code."""
    try:
        from riverrun.engine.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("riverrun: interrupted before anything was asked\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
