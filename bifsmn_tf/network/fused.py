"""Training's element-wise work in as few passes over memory as there can be.

Between two linear layers lie BatchNorm, PReLU, a sum with the residual, and the
next layer's sign, each with a gradient: some thirty operations of TensorFlow,
which together take longer than the matrix products. The library
``libbifsmn_training.so`` (``custom_ops/training``) does them in two passes
forward and two backward::

    u = gamma * (z - mean) / sqrt(variance + epsilon) + beta     the batch's
    y = residual + (u if u >= 0 else slope * u)                  value
    s = +1 if y >= threshold else -1                             signs

So it does with the weights' α·sign(w) (Eq. 2), the memory's filter (Eq. 3), the
attention distillation of the states (Eq. 8-10) and Adam's updates. Products of
signs with one-bit weights it computes forward as counted bits, where a
processor is fast at that: with AVX2, and faster with AVX-512 VPOPCNTDQ.
The gradients of products and convolutions with such weights are sums looked up,
and the first convolution's kernel has a gradient of its own. ``BIFSMN_ISA``
limits it to a level of instructions as it does kernels.

The layers of :mod:`~bifsmn_tf.network.layers`, the quantizers and the losses
define what is computed and serve wherever the library does not: without it, on
GPUs, and for other quantizers. Where products of signs cannot be counted,
the library does not serve by default. ``BIFSMN_FUSED=1`` in the environment, or
:func:`forced`, uses it on every processor; ``BIFSMN_FUSED=0``, or
:func:`disabled`, on none.
"""

import contextlib
import ctypes
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

from bifsmn_tf._keras import tf
from bifsmn_tf.errors import UserError

LIBRARY = Path(__file__).with_name("libbifsmn_training.so")

SURROGATES = ("ste", "approx")
"""Surrogate gradients by the library's number for them."""

# None leaves it to the processor.
_choice = {"0": False, "1": True}.get(os.environ.get("BIFSMN_FUSED", ""))
_frozen = False


@functools.cache
def _library() -> Any:
    """The generated functions of the ops; None where there are none."""
    if not LIBRARY.is_file() or tf.config.list_physical_devices("GPU"):
        return None
    try:
        library = tf.load_op_library(str(LIBRARY))
    except tf.errors.OpError:
        return None
    if fault := _text("bifsmn_training_isa_fault"):
        raise UserError(fault)
    return library if hasattr(library, "bifsmn_epilogue") else None


def _text(function: str) -> str:
    library = ctypes.CDLL(str(LIBRARY))
    if not hasattr(library, function):
        raise UserError(
            f"{LIBRARY} is of another version: {function} is not in it; build "
            f"it anew with `pip install .`, or set BIFSMN_FUSED=0"
        )
    symbol = getattr(library, function)
    symbol.restype = ctypes.c_char_p
    return symbol().decode()


def isa() -> str:
    """Returns the library's level of instructions; "" where there is none.

    Raises:
        UserError: ``BIFSMN_ISA`` names a level that this processor has not.
    """
    return _text("bifsmn_training_isa") if _library() else ""


def _counts_bits() -> bool:
    """Whether the library has an op for products of signs."""
    return hasattr(_library(), "bifsmn_sign_product")


def enabled() -> bool:
    """Whether the library is there and shall be used."""
    if _choice is None:
        return _counts_bits()
    return _choice and _library() is not None


@contextlib.contextmanager
def _chosen(choice: bool) -> Iterator[None]:
    global _choice
    before, _choice = _choice, choice
    try:
        yield
    finally:
        _choice = before


def disabled() -> contextlib.AbstractContextManager[None]:
    """Graphs that are traced inside do without the library."""
    return _chosen(False)


def forced() -> contextlib.AbstractContextManager[None]:
    """Graphs that are traced inside use the library, though it be slower."""
    return _chosen(True)


@contextlib.contextmanager
def frozen() -> Iterator[None]:
    """Inference that is traced inside may use the library: a teacher's.

    Elsewhere it does not, as it is what TensorFlow's converter reads.
    """
    global _frozen
    before, _frozen = _frozen, True
    try:
        yield
    finally:
        _frozen = before


def serves_frozen() -> bool:
    """Whether inference may use the library here."""
    return _frozen and enabled()


def _threads() -> int:
    return tf.config.threading.get_intra_op_parallelism_threads() or (
        len(os.sched_getaffinity(0))
    )


class Epilogue(NamedTuple):
    """What :func:`epilogue` gives.

    Attributes:
        value: y, the shape of z; None unless asked for.
        signs: s, the shape of z; None unless asked for.
        mean: the moving mean, moved by the batch's; the shape of gamma.
        variance: the moving variance, moved by the batch's unbiased one.
    """

    value: tf.Tensor | None
    signs: tf.Tensor | None
    mean: tf.Tensor
    variance: tf.Tensor


def epilogue(
    z: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    slope: tf.Tensor,
    *,
    epsilon: float,
    moving_mean: tf.Tensor,
    moving_variance: tf.Tensor,
    momentum: float,
    residual: tf.Tensor | None = None,
    threshold: tf.Tensor | None = None,
    surrogate: str = "ste",
    keep: bool = True,
) -> Epilogue:
    """BatchNorm in training, PReLU, residual and sign, with gradients.

    Args:
        z: what a linear layer gives, (..., variants, channels).
        gamma: of BatchNorm, (variants, channels).
        beta: of BatchNorm, (variants, channels).
        slope: of PReLU, (variants, channels or 1).
        epsilon: of BatchNorm.
        moving_mean: before this batch, (variants, channels).
        moving_variance: before this batch, (variants, channels).
        momentum: the part of them that stays.
        residual: added, the shape of z; or None.
        threshold: of the sign, (variants, channels); None for no signs.
        surrogate: gradient through the sign: one of :data:`SURROGATES`.
        keep: whether y is wanted; it always is without a threshold.
    """
    channels = z.shape[-1]
    variants = gamma.shape[0]
    columns = variants * channels
    rows = tf.reshape(z, (-1, columns))
    none = tf.zeros((0, columns))
    signs = threshold is not None
    keep = keep or not signs
    stream_out, signs_out, _, _, mean, variance = _library().bifsmn_epilogue(
        z=rows,
        residual=(
            none if residual is None else tf.reshape(residual, (-1, columns))
        ),
        gamma=tf.reshape(gamma, (columns,)),
        beta=tf.reshape(beta, (columns,)),
        slope=tf.reshape(tf.broadcast_to(slope, gamma.shape), (columns,)),
        threshold=(
            tf.reshape(threshold, (columns,)) if signs else tf.zeros(columns)
        ),
        moving_mean=tf.reshape(moving_mean, (columns,)),
        moving_variance=tf.reshape(moving_variance, (columns,)),
        epsilon=epsilon,
        momentum=momentum,
        surrogate=SURROGATES.index(surrogate),
        with_residual=int(residual is not None),
        with_stream=int(keep or residual is not None),
        with_signs=int(signs),
        threads=_threads(),
    )
    return Epilogue(
        value=_like(stream_out, z) if keep else None,
        signs=_like(signs_out, z) if signs else None,
        mean=tf.reshape(mean, gamma.shape),
        variance=tf.reshape(variance, gamma.shape),
    )


def sign(x: tf.Tensor, threshold: tf.Tensor, surrogate: str) -> tf.Tensor:
    """The sign of ``x - threshold`` with a surrogate gradient (Eq. 1).

    Args:
        x: (..., variants, channels).
        threshold: (variants, channels).
        surrogate: one of :data:`SURROGATES`.

    Returns:
        +1 and -1, the shape of x.
    """
    columns = threshold.shape[0] * x.shape[-1]
    signs = _library().bifsmn_sign(
        y=tf.reshape(x, (-1, columns)),
        threshold=tf.reshape(threshold, (columns,)),
        surrogate=SURROGATES.index(surrogate),
        threads=_threads(),
    )
    return _like(signs, x)


def affine_prelu(
    z: tf.Tensor,
    offset: tf.Tensor,
    slope: tf.Tensor,
    residual: tf.Tensor | None = None,
) -> tf.Tensor:
    """PReLU of ``z + offset``, plus a residual, without a gradient.

    Args:
        z: (..., channels).
        offset: (channels,).
        slope: (channels or 1,).
        residual: as many elements as z; or None.
    """
    channels = z.shape[-1]
    y = _library().bifsmn_affine(
        z=tf.reshape(z, (-1, channels)),
        offset=offset,
        slope=tf.broadcast_to(slope, (channels,)),
        residual=(
            tf.zeros((0, channels))
            if residual is None
            else tf.reshape(residual, (-1, channels))
        ),
        threads=_threads(),
    )
    return _like(y, z)


def memory(x: tf.Tensor, kernel: tf.Tensor, look_back: int) -> tf.Tensor:
    """The filter over time of Eq. 3, of strides 1, with gradients.

    Args:
        x: (batch, time, variants, channels).
        kernel: (taps, channels).
        look_back: N1: the tap that reads the present frame.
    """
    _, time, variants, channels = x.shape
    z = _library().bifsmn_memory(
        x=tf.reshape(x, (-1, time * variants * channels)),
        y=kernel,
        rows=time,
        variants=variants,
        look_back=look_back,
    )
    return _like(z, x)


def attention_maps(states: tf.Tensor, emphasise: bool) -> tf.Tensor:
    """A teacher's attention maps (Eq. 10), without a gradient.

    Args:
        states: (..., time, channels).
        emphasise: add the high frequencies first (Eq. 8, 9).
    """
    time, channels = states.shape[-2:]
    maps = _library().bifsmn_attention_maps(
        states=tf.reshape(states, (-1, time * channels)),
        rows=time,
        emphasise=int(emphasise),
        threads=_threads(),
    )
    return _like(maps, states)


def attention_distance(student: tf.Tensor, teacher: tf.Tensor) -> tf.Tensor:
    """As :func:`bifsmn_tf.distillation.losses.attention_distance`."""
    _, time, variants, channels = student.shape
    distances = _library().bifsmn_attention_distance(
        states=tf.reshape(student, (-1, time * variants * channels)),
        maps=teacher,
        rows=time,
        variants=variants,
        threads=_threads(),
    )
    distances.set_shape((student.shape[0], variants))
    return distances


def scaled_sign(kernel: tf.Tensor) -> tf.Tensor:
    """α·sign(w) with Eq. 1's gradient, α of each output channel (Eq. 2)."""
    rows = tf.reshape(kernel, (-1, kernel.shape[-1]))
    quantized, _ = _library().bifsmn_scaled_sign(w=rows)
    return _like(quantized, kernel)


def multiplies_signs() -> bool:
    """Whether there is :func:`sign_product`: some processors count bits."""
    return enabled() and _counts_bits()


def sign_product(signs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """``signs @ kernel`` of one-bit factors, by counting bits.

    Args:
        signs: +1 and -1, (rows, in).
        kernel: α·sign(w) as :func:`scaled_sign` gives it, (in, units).

    Returns:
        (rows, units); the gradients are those of a product of floats but for
        the order of their sums, which are looked up, four signs at a time.
    """
    product = _library().bifsmn_sign_product(x=signs, y=kernel)
    product.set_shape((signs.shape[0], kernel.shape[1]))
    return product


def level_gradients(
    levels: tf.Tensor,
    kernel: tf.Tensor,
    dz: tf.Tensor,
    *,
    step: float = 0.0,
    strides: tuple[int, int] = (1, 1),
    before: tuple[int, int] = (0, 0),
) -> tuple[tf.Tensor, tf.Tensor]:
    """The gradients of a product with one-bit weights, by sums looked up.

    Those of floats but for the order of their sums: four signs at a time.

    Args:
        levels: +1 and -1, (rows, in), or (batch, height, width, in) for a
            convolution; or levels of two bits, ``step`` times -3, -1, 1 and 3.
        kernel: α·sign(w), (in, units) or (height, width, in, units).
        dz: the gradient of the product, (rows, units) or (batch, height,
            width, units).
        step: of levels of two bits; 0 for signs.
        strides: of a convolution.
        before: the rows and columns of padding in front of it.

    Returns:
        The gradients of levels and of the kernel, in their shapes.
    """
    sizes = (
        _sizes(levels, kernel, dz, strides, before)
        if kernel.shape.rank == 4
        else {}
    )
    x, d = _flat(levels), _rows(dz)
    # Neither waits for the other: they may run side by side.
    dx = _library().bifsmn_sign_input_gradient(dz=d, y=_rows(kernel), **sizes)
    dy = _library().bifsmn_sign_kernel_gradient(x=x, dz=d, step=step, **sizes)
    return _like(dx, levels), _like(dy, kernel)


def kernel_gradient(
    x: tf.Tensor,
    kernel: tf.Tensor,
    dz: tf.Tensor,
    *,
    strides: tuple[int, int],
    before: tuple[int, int],
) -> tf.Tensor:
    """The gradient of a convolution's kernel, of floats with few channels.

    Args:
        x: (batch, height, width, in).
        kernel: of its shape, (height, width, in, units).
        dz: the gradient of the convolution, (batch, height, width, units).
        strides: of the convolution.
        before: the rows and columns of padding in front of ``x``.
    """
    dy = _library().bifsmn_kernel_gradient(
        x=_flat(x), dz=_rows(dz), **_sizes(x, kernel, dz, strides, before)
    )
    return _like(dy, kernel)


def _sizes(
    x: tf.Tensor,
    kernel: tf.Tensor,
    dz: tf.Tensor,
    strides: tuple[int, int],
    before: tuple[int, int],
) -> dict[str, int]:
    """Returns the sizes of a convolution, as ops take them."""
    sizes = {
        name.format(axis): int(value)
        for name, values in (
            ("{}", x.shape[1:3]),
            ("kernel_{}", kernel.shape[:2]),
            ("stride_{}", strides),
            ("out_{}", dz.shape[1:3]),
        )
        for axis, value in zip(("height", "width"), values, strict=True)
    }
    sizes["pad_top"], sizes["pad_left"] = before
    return sizes


def _flat(x: tf.Tensor) -> tf.Tensor:
    """Returns a row for each clip, or what else the first axis counts."""
    return tf.reshape(x, (-1, x.shape[1:].num_elements()))


def _rows(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, (-1, x.shape[-1]))


def adam(
    weight: tf.Variable,
    m: tf.Variable,
    v: tf.Variable,
    gradient: tf.Tensor,
    *,
    rate: tf.Tensor,
    epsilon: tf.Tensor,
    beta1: tf.Tensor,
    beta2: tf.Tensor,
) -> tf.Operation:
    """An update of Adam, in place, as ``ResourceApplyAdam`` does it.

    Args:
        weight: what is trained.
        m: the gradient's moving mean.
        v: its moving mean square.
        gradient: the shape of all three.
        rate: corrected for the bias of the first steps, a scalar.
        epsilon: of the denominator, a scalar.
        beta1: of m, a scalar.
        beta2: of v, a scalar.
    """
    return _library().bifsmn_adam(
        weight=weight.handle,
        m=m.handle,
        v=v.handle,
        rate=rate,
        smallest=epsilon,
        beta1=beta1,
        beta2=beta2,
        gradient=gradient,
    )


def _like(rows: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    result = tf.reshape(rows, tf.shape(x))
    result.set_shape(x.shape)
    return result


@tf.RegisterGradient("BifsmnEpilogue")
def _epilogue_gradient(
    op: tf.Operation, dstream: tf.Tensor, dsigns: tf.Tensor, *_: Any
) -> list[tf.Tensor | None]:
    z, _, gamma, beta, slope, threshold, *_ = op.inputs
    stream, _, mean, inverse, *_ = op.outputs
    attributes = {
        name: op.get_attr(name)
        for name in ("surrogate", "with_residual", "threads")
    }
    none = tf.zeros_like(z[:0])
    residual = attributes["with_residual"]
    # Without a residual y is computed again; signs need it with one.
    dz, dresidual, *parameters = _library().bifsmn_epilogue_gradient(
        z=z,
        stream_in=stream if residual else none,
        gamma=gamma,
        beta=beta,
        slope=slope,
        threshold=threshold,
        mean=mean,
        inverse=inverse,
        dstream=dstream if op.get_attr("with_stream") else none,
        dsigns=dsigns if op.get_attr("with_signs") else none,
        **attributes,
    )
    return [dz, dresidual if residual else none, *parameters, None, None]


@tf.RegisterGradient("BifsmnSign")
def _sign_gradient(op: tf.Operation, dsigns: tf.Tensor) -> Any:
    y, threshold = op.inputs
    return _library().bifsmn_sign_gradient(
        y=y,
        threshold=threshold,
        dsigns=dsigns,
        surrogate=op.get_attr("surrogate"),
        threads=op.get_attr("threads"),
    )


@tf.RegisterGradient("BifsmnAttentionDistance")
def _attention_distance_gradient(
    op: tf.Operation, ddistances: tf.Tensor
) -> tuple[tf.Tensor, None]:
    states, maps = op.inputs
    gradient = _library().bifsmn_attention_distance_gradient(
        states=states,
        maps=maps,
        ddistances=ddistances,
        **{n: op.get_attr(n) for n in ("rows", "variants", "threads")},
    )
    return gradient, None


@tf.RegisterGradient("BifsmnMemory")
def _memory_gradient(op: tf.Operation, dz: tf.Tensor) -> Any:
    x, kernel = op.inputs
    return _library().bifsmn_memory_gradient(
        x=x,
        y=kernel,
        dz=dz,
        **{n: op.get_attr(n) for n in ("rows", "variants", "look_back")},
    )


@tf.RegisterGradient("BifsmnScaledSign")
def _scaled_sign_gradient(op: tf.Operation, dy: tf.Tensor, _: Any) -> tf.Tensor:
    return _library().bifsmn_scaled_sign_gradient(
        w=op.inputs[0], alpha=op.outputs[1], dy=dy
    )


@tf.RegisterGradient("BifsmnSignProduct")
def _sign_product_gradient(
    op: tf.Operation, dz: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    signs, kernel = op.inputs
    return level_gradients(signs, kernel, dz)
