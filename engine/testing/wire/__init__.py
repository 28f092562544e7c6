"""The server half of each wire format."""
