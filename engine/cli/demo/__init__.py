"""`riverrun demo`: a provider on this machine that breaks on schedule, shown beside a plain client."""
