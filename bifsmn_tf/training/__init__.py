"""Training runs: their folder, their schedule, their loop."""
