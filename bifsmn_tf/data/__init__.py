"""Recordings, their features and what varies them for training."""
