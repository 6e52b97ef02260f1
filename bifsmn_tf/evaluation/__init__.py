"""What a model gets right: exact counts, intervals, pictures."""
