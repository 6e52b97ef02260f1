"""The network: quantizers, layers, D-FSMN and BiFSMN (Eq. 1-4, 11-13)."""
