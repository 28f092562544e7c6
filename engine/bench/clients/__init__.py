"""The clients that are judged: an adapter a file, and the worker that runs one in an interpreter of its own."""
