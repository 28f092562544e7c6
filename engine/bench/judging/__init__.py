"""What a caller was given against what was true: from both logs of a trial to its verdict."""
