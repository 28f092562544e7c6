"""`riverrun simulate`: sweeps of simulated runs from the command line."""
