"""How bytes travel in tests: servers on this machine, scripted networks, recordings played again."""
