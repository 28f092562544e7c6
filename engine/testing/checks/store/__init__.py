"""What a store is held to: its contract, its clock and deadlines, races, and runs that are stored in it."""
