"""What `riverrun simulate` takes where nothing is said."""

RUNS = 20_000
"""How many runs without `--runs`: `testing.sweep.REQUIRED_RUNS`, so many as a sweep needs to have been everywhere."""

DEFAULTS: dict[str, int | str] = {"runs": RUNS, "seed": 0, "level": "events", "planner": "default", "save": "."}
"""What a sweep takes where nothing is said; argparse is not told them, so that what was said can be told apart."""
