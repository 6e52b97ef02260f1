"""How long one decision takes: behind ``python -m bifsmn_tf.benchmark``."""
