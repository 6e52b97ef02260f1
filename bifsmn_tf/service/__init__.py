"""A wake-word service: clients of other programs send sound, and hear words."""
