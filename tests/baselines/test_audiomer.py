import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.audiomer import LinearAttention
from bifsmn_tf.baselines.audiomer import ScaleNorm
from bifsmn_tf.baselines.audiomer import Token
from bifsmn_tf.baselines.audiomer import audiomer
from bifsmn_tf.baselines.audiomer import orthogonal_features
from bifsmn_tf.baselines.counts import parameters


@pytest.mark.parametrize(("size", "count"), [("s", 178_508), ("l", 794_800)])
def test_parameters(size, count):
    """The authors' code calls these 180K and 800K; Table 3 has 0.80 M."""
    assert parameters(audiomer(12, size=size)) == count


def test_attention_is_close_to_softmax():
    rng = np.random.default_rng(1)
    shape = (1, 6, 1, 8)
    q, k, v = (rng.normal(size=shape).astype(np.float32) for _ in range(3))
    q *= 0.7
    found = LinearAttention(2, 40_000)([q, k, v]).numpy().reshape(6, 2, 4)
    q, k, v = (x.reshape(6, 2, 4) for x in (q, k, v))
    weights = np.exp(np.einsum("nhd,mhd->hnm", q, k) / 2)
    weights /= weights.sum(axis=-1, keepdims=True)
    expected = np.einsum("hnm,mhd->nhd", weights, v)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_features_are_orthogonal_in_groups():
    w = orthogonal_features(8, 20, 0)
    assert w.shape == (8, 20)
    for group in (w[:, :8], w[:, 8:16], w[:, 16:]):
        products = group.T @ group
        np.testing.assert_allclose(
            products, np.diag(np.diag(products)), atol=1e-5
        )
    # As long as normal vectors are: E |w|² is their dimension.
    many = orthogonal_features(8, 4000, 0)
    assert abs((many**2).sum(axis=0).mean() - 8) < 0.3
    assert np.abs(many.mean(axis=1)).max() < 0.1


def test_attention_of_one_key_is_its_value():
    layer = LinearAttention(1, 16)
    rng = np.random.default_rng(0)
    q, k, v = (
        rng.normal(size=(2, n, 1, 4)).astype(np.float32) for n in (3, 1, 1)
    )
    np.testing.assert_allclose(
        layer([q, k, v]), np.broadcast_to(v, q.shape), rtol=1e-4
    )
    assert layer.macs(3, 1) == 2 * (3 + 1) * 4 * 16


def test_scale_norm():
    x = np.array([[3.0, 4.0]], np.float32)
    np.testing.assert_allclose(ScaleNorm()(x), x / 5, rtol=1e-5)


def test_the_token_comes_first():
    layer = Token(3)
    x = np.ones((2, 4, 1, 1), np.float32)
    y = layer(x)
    np.testing.assert_array_equal(y[:, 3:], x)
    np.testing.assert_array_equal(y[1, :3], layer.token[0])


def test_other_lengths():
    model = audiomer(3, (1000, 1, 1), size="s")
    assert model(tf.zeros((1, 1000, 1, 1))).shape == (1, 3)
