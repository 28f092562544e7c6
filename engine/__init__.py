"""The engine: a pure core, and a shell on trio that asks, waits, recovers and stores."""
