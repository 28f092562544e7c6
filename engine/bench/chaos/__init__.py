"""A fault proxy on this machine: streams pass byte for byte, or break where a fault says so."""
