"""Networks that a user would pick instead: DS-CNN and BC-ResNet."""
