"""What runs a model file and decides, without TensorFlow."""
