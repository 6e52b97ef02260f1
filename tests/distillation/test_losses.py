import numpy as np
import pytest
import pywt

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import losses


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def emphasised(state):
    """Eq. 8 and 9 for the state of one clip, (time, channels)."""
    rows, columns = state.shape
    approximation, details = pywt.dwt2(state, "haar", mode="zero")
    high = pywt.idwt2(
        (np.zeros_like(approximation), details), "haar", mode="zero"
    )[:rows, :columns]
    return high / high.std() + state / state.std()


def attention(state):
    return state**2 / np.linalg.norm(state**2)


@pytest.mark.parametrize("size", [(8, 16), (7, 16), (8, 15), (5, 3)])
def test_emphasise(size):
    states = random((3, *size)) * 5
    np.testing.assert_allclose(
        losses.emphasise(tf.constant(states)),
        [emphasised(state) for state in states],
        rtol=1e-4,
        atol=1e-5,
    )


def test_emphasis_does_not_depend_on_the_rest_of_the_batch():
    states = tf.constant(
        random((4, 8, 16)) * [[[1.0]], [[9.0]], [[3.0]], [[5]]]
    )
    states = tf.cast(states, tf.float32)
    np.testing.assert_allclose(
        losses.emphasise(states)[:2], losses.emphasise(states[:2]), rtol=1e-5
    )
    stacked = tf.stack([states, 2 * states])
    np.testing.assert_allclose(
        losses.emphasise(stacked)[0], losses.emphasise(states), rtol=1e-5
    )


def test_attention():
    states = random((3, 8, 16)) * 7
    np.testing.assert_allclose(
        losses.attention(tf.constant(states)),
        [attention(state) for state in states],
        rtol=1e-5,
    )


@pytest.mark.parametrize("variants", [1, 3])
def test_attention_distance(variants):
    students = random((2, 8, variants, 16)) * 3
    teachers = random((2, 8, 16), 1)
    maps = losses.attention(tf.constant(teachers))
    found = losses.attention_distance(tf.constant(students), maps)
    expected = [
        [
            np.linalg.norm(attention(student[:, v]) - attention(teacher))
            for v in range(variants)
        ]
        for student, teacher in zip(students, teachers, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def bands(state):
    """High and low band of the state of one clip, (time, channels)."""
    rows, columns = state.shape
    approximation, details = pywt.dwt2(state, "haar", mode="zero")
    zeros = np.zeros_like(approximation)
    return [
        pywt.idwt2(parts, "haar", mode="zero")[:rows, :columns]
        for parts in (
            (zeros, details),
            (approximation, (zeros, zeros, zeros)),
        )
    ]


@pytest.mark.parametrize("size", [(8, 16), (7, 16), (8, 15), (5, 3)])
@pytest.mark.parametrize("variants", [1, 3])
def test_bands_are_compared_apart(size, variants):
    time, channels = size
    students = random((2, time, variants, channels)) * 3
    teachers = random((2, *size), 1) + 2
    maps = losses.band_attention(tf.constant(teachers))
    np.testing.assert_allclose(
        maps,
        [
            [attention(bands(teacher)[band]) for teacher in teachers]
            for band in range(2)
        ],
        rtol=1e-3,
        atol=1e-6,
    )
    found = losses.band_distance(tf.constant(students), maps)
    expected = [
        [
            sum(
                np.linalg.norm(attention(mine) - attention(its))
                for mine, its in zip(
                    bands(student[:, v]), bands(teacher), strict=True
                )
            )
            for v in range(variants)
        ]
        for student, teacher in zip(students, teachers, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_each_band_has_a_scale_of_its_own():
    """A student whose low band is a thousand times too strong is as near."""
    states = random((2, 8, 1, 16))
    by_variant = tf.transpose(states, (0, 2, 1, 3))
    high, low = losses.split_bands(by_variant)
    louder = tf.transpose(high + 1000 * low, (0, 2, 1, 3))
    maps = losses.band_attention(tf.constant(random((2, 8, 16), 1)))
    np.testing.assert_allclose(
        losses.band_distance(louder, maps),
        losses.band_distance(tf.constant(states), maps),
        rtol=1e-3,
    )


@pytest.mark.parametrize("normalised", [True, False])
def test_gradient_of_the_distance(normalised):
    students = tf.constant(random((2, 4, 3, 6)))
    maps = tf.constant(np.abs(random((2, 4, 6), 1)))
    if normalised:
        maps = losses.attention(maps)
    upstream = random((2, 3), 2)

    def plain(states):
        squares = states**2
        norm = tf.sqrt(tf.reduce_sum(squares**2, (1, 3), keepdims=True))
        difference = squares / norm - maps[:, :, tf.newaxis]
        return tf.sqrt(tf.reduce_sum(difference**2, (1, 3)))

    found = []
    for function in (lambda x: losses.attention_distance(x, maps), plain):
        with tf.GradientTape() as tape:
            tape.watch(students)
            value = function(students)
        gradient = tape.gradient(value, students, output_gradients=upstream)
        found.append((value, gradient))
    (value, gradient), (expected, expected_gradient) = found
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(
        gradient, expected_gradient, rtol=1e-3, atol=1e-6
    )


def test_states_of_zeros_give_finite_numbers():
    zeros = tf.zeros((2, 4, 1, 6))
    maps = losses.attention(losses.emphasise(tf.zeros((2, 4, 6))))
    assert np.all(maps == 0)
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        value = losses.attention_distance(zeros, maps)
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(tape.gradient(value, zeros)))


def test_a_state_is_at_no_distance_from_itself():
    states = tf.constant(random((3, 8, 16)))
    distance = losses.attention_distance(
        states[:, :, tf.newaxis], losses.attention(states)
    )
    np.testing.assert_allclose(distance, 0, atol=1e-5)


def test_the_distance_does_not_depend_on_the_student_s_scale():
    states = tf.constant(random((3, 8, 1, 16)))
    maps = losses.attention(tf.constant(random((3, 8, 16), 1)))
    np.testing.assert_allclose(
        losses.attention_distance(9.0 * states, maps),
        losses.attention_distance(states, maps),
        rtol=1e-4,
    )


def test_weights_of_eq_15():
    assert losses.delta_weights((1, 2, 4)) == [1.0, 1 / 2, 1 / 8]
    assert losses.delta_weights((2, 8)) == [1 / 2, 1 / 128]


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_soft_cross_entropy(temperature):
    student, teacher = random((4, 5)) * 3, random((4, 5), 1) * 3

    def softmax(x):
        x = np.exp(x - x.max(axis=1, keepdims=True))
        return x / x.sum(axis=1, keepdims=True)

    p, q = softmax(teacher / temperature), softmax(student / temperature)
    np.testing.assert_allclose(
        losses.soft_cross_entropy(
            tf.constant(student), tf.constant(teacher), temperature
        ),
        temperature**2 * (p * np.log(p / q)).sum(axis=1),
        rtol=1e-3,
        atol=1e-5,
    )


def test_mean_logits():
    one, other = random((4, 5)) * 3, random((4, 5), 1) * 3
    mean = losses.mean_logits([tf.constant(one), tf.constant(other)], 3.0)
    np.testing.assert_allclose(
        tf.nn.softmax(mean / 3.0),
        (tf.nn.softmax(one / 3.0) + tf.nn.softmax(other / 3.0)) / 2,
        rtol=1e-4,
    )
    alone = tf.constant(one)
    assert losses.mean_logits([alone], 3.0) is alone


def test_soft_cross_entropy_of_equal_logits_is_zero():
    logits = tf.constant(random((4, 5)))
    np.testing.assert_allclose(
        losses.soft_cross_entropy(logits, logits, 2.0), 0, atol=1e-5
    )
