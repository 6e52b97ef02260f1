"""High-frequency Enhancement Distillation (Eq. 5-10, 14-15, Algorithm 1)."""
