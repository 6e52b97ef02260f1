"""Google Speech Commands: the tasks people train on it, and its TFDS builder.

The recordings are by Pete Warden (arXiv:1804.03209) and under CC BY 4.0.
"""
