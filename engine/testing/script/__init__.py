"""What a model says in tests: answers, faults, and who plays them."""
