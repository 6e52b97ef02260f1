"""The .tflite: its ops, bits, structure and description, without TensorFlow."""
