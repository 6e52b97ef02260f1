"""Sound: files, streams, and what a network hears of them."""
