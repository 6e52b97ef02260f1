import numpy as np
import numpy_reference as reference
import pytest
from tensors import gradients
from tensors import normal
from tensors import signs

from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers

MEMORIES = [
    # N1, N2, s1, s2
    (2, 2, 1, 1),
    (0, 0, 1, 1),
    (3, 0, 1, 1),
    (0, 2, 1, 3),
    (1, 4, 2, 1),
    (4, 1, 1, 2),
    (2, 3, 3, 2),
]


class TestMemoryFilter:
    @pytest.mark.parametrize("memory", MEMORIES)
    @pytest.mark.parametrize("time", [1, 2, 3, 8])
    def test_equals_eq_3(self, memory, time):
        layer = layers.MemoryFilter(*memory)
        layer.build((None, time, 2, 6))
        x = signs((3, time, 2, 6))
        kernel = layer.kernel.numpy()
        assert kernel.shape == (memory[0] + 1 + memory[1], 6)
        dots = self.each_variant(x, reference.sign(kernel), memory)
        np.testing.assert_array_equal(layer.integer_dot(x), dots)
        np.testing.assert_allclose(
            layer(x), dots * reference.alpha(kernel), rtol=1e-5, atol=1e-6
        )

    @pytest.mark.parametrize("memory", MEMORIES)
    @pytest.mark.parametrize("time", [1, 2, 8])
    def test_gradients(self, memory, time):
        layer = layers.MemoryFilter(
            *memory, kernel_quantizer=None, use_bias=True
        )
        layer.build((None, time, 3, 5))
        layer.bias.assign(normal((5,), 3))
        x = normal((2, time, 3, 5))
        upstream = normal(x.shape, 1)

        def slices(inputs):
            far = 20
            padded = tf.pad(inputs, ((0, 0), (far, far), (0, 0), (0, 0)))
            return layer.bias + tf.add_n(
                [
                    layer.kernel[tap] * padded[:, far + o : far + o + time]
                    for tap, o in enumerate(layer.offsets)
                ]
            )

        variables = [layer.kernel, layer.bias]
        value, found = gradients(layer, x, variables, upstream)
        expected_value, expected = gradients(slices, x, variables, upstream)
        np.testing.assert_allclose(value, expected_value, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            value,
            self.each_variant(x, layer.kernel.numpy(), memory)
            + layer.bias.numpy(),
            rtol=1e-4,
            atol=1e-5,
        )
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)

    def test_offsets_are_in_order_of_time(self):
        layer = layers.MemoryFilter(2, 3, 4, 1)
        assert layer.offsets == (-8, -4, 0, 1, 2, 3)

    def test_latent_weights_are_clipped(self):
        layer = layers.MemoryFilter()
        layer.build((None, 8, 1, 3))
        clipped = layer.kernel.constraint(tf.constant([-3.0, 0.5, 2.0]))
        np.testing.assert_array_equal(clipped, [-1.0, 0.5, 1.0])

    @staticmethod
    def each_variant(x, kernel, memory):
        return np.stack(
            [
                reference.memory_filter(x[:, :, v], kernel, *memory)
                for v in range(x.shape[2])
            ],
            axis=2,
        )
