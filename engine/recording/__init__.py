"""Recordings of runs: their format, the recorder, and what takes the content out of them."""
