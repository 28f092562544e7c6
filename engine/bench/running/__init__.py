"""Runs the trials: the clients that are judged, their environments and processes, and what each is asked."""
