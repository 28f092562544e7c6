"""What goes wrong: the catalog of faults, the answers they strike, and where in an answer a fault lies."""
