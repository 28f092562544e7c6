"""One answer over its attempts: what the caller holds, the loop of its decisions, and what attempts bring."""
