"""The kit's fixtures, `riverrun_simulation` and `scripted_provider`: nothing loads them by itself."""

pytest_plugins = ["riverrun.testing.pytest_plugin"]
