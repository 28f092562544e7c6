"""The testing kit: laws, answers, faults, a simulator, recordings. Its public names are those of `riverrun.testing`."""
