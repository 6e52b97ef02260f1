"""From a trained network to one .tflite, and that file to a decision."""
