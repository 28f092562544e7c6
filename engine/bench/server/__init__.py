"""The fault server: a provider on loopback that breaks as the model's name says. Run by `python -m`."""
