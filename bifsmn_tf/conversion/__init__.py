"""From a trained network to the numbers of a file, and to the file."""
