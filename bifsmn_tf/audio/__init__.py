"""Sound: from files, microphones and pipes to the features of a network."""
