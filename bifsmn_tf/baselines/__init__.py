"""Networks that one would run or train instead of BiFSMN.

DS-CNN, BC-ResNet, FSMN, VGG19-BN and Audiomer, in full precision and binarized,
trained on the same data by ``python -m bifsmn_tf.baselines.train``; and the
project's own networks in stock Keras layers.
"""
