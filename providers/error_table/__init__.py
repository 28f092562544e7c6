"""What an HTTP error of a provider means: codes, phrases, limits, and the one classification."""
