import numpy as np

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation.mixup import mix


def mixed(alpha, seed, batch=5):
    """Features that name their clip, and targets that do."""
    names = np.arange(batch, dtype=np.float32)
    features = np.broadcast_to(names[:, None, None], (batch, 4, 3))
    return mix(
        tf.constant(features),
        tf.one_hot(np.arange(batch), batch),
        alpha,
        tf.convert_to_tensor(seed, tf.int32),
    )


def test_clips_and_targets_are_mixed_alike():
    features, targets = mixed(0.7, (3, 1))
    share = targets[0, 0].numpy()
    assert 0 < share < 1
    for clip in range(5):
        before = (clip - 1) % 5
        expected = np.zeros(5)
        expected[clip], expected[before] = share, 1 - share
        np.testing.assert_allclose(targets[clip], expected, rtol=1e-6)
        np.testing.assert_allclose(
            features[clip], share * clip + (1 - share) * before, rtol=1e-5
        )


def test_depends_on_nothing_but_its_seed():
    for first, second in zip(
        mixed(0.2, (3, 1)), mixed(0.2, (3, 1)), strict=True
    ):
        np.testing.assert_array_equal(first, second)
    assert mixed(0.2, (3, 1))[1][0, 0] != mixed(0.2, (4, 1))[1][0, 0]
    assert mixed(0.2, (3, 1))[1][0, 0] != mixed(0.2, (3, 2))[1][0, 0]


def test_shares_have_the_moments_of_a_beta_distribution():
    seeds = tf.stack([tf.range(2000), tf.zeros(2000, tf.int32)], axis=1)

    # In one graph: 2,000 batches one after the other take their time.
    @tf.function
    def draw(alpha):
        return tf.map_fn(
            lambda seed: mixed(alpha, seed)[1][0, 0],
            seeds,
            fn_output_signature=tf.float32,
        )

    for alpha in (0.2, 1.0):
        shares = draw(alpha).numpy()
        assert np.all(np.isfinite(shares))
        np.testing.assert_allclose(np.mean(shares), 0.5, atol=0.03)
        variance = 1 / (4 * (2 * alpha + 1))
        np.testing.assert_allclose(np.var(shares), variance, rtol=0.08)


def test_even_a_tiny_alpha_gives_numbers():
    for i in range(50):
        assert np.all(np.isfinite(mixed(1e-3, (i, 0))[0]))
