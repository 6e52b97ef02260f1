"""The features of ``features`` as TensorFlow operations.

Both compute in double precision and agree to 1e-4 dB, so a model trained on
one may be fed by the other.
"""

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.log_mel import hann_window
from bifsmn_tf.audio.log_mel import mel_filterbank


def log_mel(
    waveform: tf.Tensor, parameters: FeatureParameters | None = None
) -> tf.Tensor:
    """Computes log-mel features; see ``features.log_mel``.

    Works in a graph, and its gradient by the waveform exists.

    Args:
        waveform: floats in [-1, 1], (samples,) or (clips, samples). Clips are
            padded with zeros or cut at their end.
        parameters: the defaults of ``FeatureParameters`` if None.

    Returns:
        Decibel as float32, (frames, mels) or (clips, frames, mels).

    Raises:
        TypeError: the samples are integers: divide them by 32768 first.
        ValueError: ``waveform`` has neither one nor two dimensions.
    """
    parameters = parameters or FeatureParameters()
    clips = tf.convert_to_tensor(waveform)
    if not clips.dtype.is_floating:
        raise TypeError(
            "log_mel wants samples as floats in [-1, 1], not "
            f"{clips.dtype.name}; divide 16-bit samples by 32768"
        )
    if clips.shape.rank not in (1, 2):
        raise ValueError(
            "log_mel wants (samples,) or (clips, samples), not a tensor of "
            f"shape {clips.shape}"
        )
    if clips.shape.rank == 1:
        return log_mel(clips[None], parameters)[0]
    clips = tf.cast(clips, tf.float64)[:, : parameters.samples]
    missing = parameters.samples - tf.shape(clips)[1]
    clips = tf.pad(clips, [[0, 0], [0, missing]])
    clips = tf.ensure_shape(clips, (None, parameters.samples))
    border = parameters.frame_length // 2
    padded = tf.pad(clips, [[0, 0], [border, border]], mode="REFLECT")
    frames = tf.signal.frame(padded, parameters.frame_length, parameters.hop)
    window = hann_window(parameters.frame_length)
    segments = tf.reshape(
        frames * window,
        (-1, parameters.frames, parameters.folds, parameters.n_fft),
    )
    spectrum = tf.signal.rfft(tf.reduce_sum(segments, axis=2))
    power = tf.square(tf.math.real(spectrum)) + tf.square(
        tf.math.imag(spectrum)
    )
    filters = mel_filterbank(parameters) / (window**2).sum()
    mel = tf.maximum(power @ filters, parameters.floor)
    decibel = tf.math.log(mel) * (
        10 / tf.math.log(tf.constant(10.0, mel.dtype))
    )
    return tf.cast(
        tf.ensure_shape(decibel, (None, *parameters.shape)), tf.float32
    )


def normalise(features: tf.Tensor, statistics: FeatureStatistics) -> tf.Tensor:
    """Returns ``(features - mean) / std``, of the same shape."""
    return (features - statistics.mean) * (1 / statistics.std)
