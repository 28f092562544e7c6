"""What all wire formats share: JSON read strictly, halves of characters, thoughts in tags."""
