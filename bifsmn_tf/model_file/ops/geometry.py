"""What convolutions share: strides, padding, output size, sums."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from bifsmn_tf.model_file.ops.op import Op


class Convolution(Op):
    """A convolution over height and width, with padding and strides.

    Attributes:
        stride_h: pixels from one window to the next, from top to bottom.
        stride_w: the same, from left to right.
        pad_top: pixels above the first one that contribute 0 to a sum.
        pad_bottom: the same, below the last one.
        pad_left: the same, before the first one.
        pad_right: the same, after the last one.
    """

    stride_h: int
    stride_w: int
    pad_top: int
    pad_bottom: int
    pad_left: int
    pad_right: int

    def __post_init__(self) -> None:
        self.check(
            self.stride_h >= 1 and self.stride_w >= 1,
            f"strides have to be positive, got {self.stride_h} and "
            f"{self.stride_w}",
        )
        self.check(min(self.padding) >= 0, f"negative padding {self.padding}")

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """The padding at the top, the bottom, the left and the right."""
        return (self.pad_top, self.pad_bottom, self.pad_left, self.pad_right)

    def output_size(
        self, input_size: Sequence[int], kernel: Sequence[int]
    ) -> tuple[int, int]:
        """Returns height and width of the output.

        Args:
            input_size: height and width of the input.
            kernel: height and width of the kernel.

        Raises:
            ValueError: The padding is as large as the kernel, or the kernel
                larger than the padded input.
        """
        self.check(
            max(self.pad_top, self.pad_bottom) < kernel[0]
            and max(self.pad_left, self.pad_right) < kernel[1],
            f"padding {self.padding} has to be smaller than the kernel "
            f"{tuple(kernel)}",
        )
        height = input_size[0] + self.pad_top + self.pad_bottom
        width = input_size[1] + self.pad_left + self.pad_right
        self.check(
            height >= kernel[0] and width >= kernel[1],
            f"kernel {tuple(kernel)} exceeds the padded input "
            f"{(height, width)}",
        )
        return (
            (height - kernel[0]) // self.stride_h + 1,
            (width - kernel[1]) // self.stride_w + 1,
        )

    def padded(self, pixels: npt.NDArray) -> npt.NDArray:
        """Returns ``[N, H, W, C]`` with zeros around height and width."""
        top, bottom, left, right = self.padding
        return np.pad(pixels, ((0, 0), (top, bottom), (left, right), (0, 0)))

    def sums(
        self, pixels: npt.NDArray, weights: npt.NDArray
    ) -> npt.NDArray[np.int32]:
        """Computes the sums of products of integers.

        Args:
            pixels: integers ``[N, H, W, C]``.
            weights: integers ``[O, KH, KW, C]``.

        Returns:
            int32 ``[N, OH, OW, O]``.
        """
        # float64 holds every partial sum exactly.
        padded = self.padded(pixels.astype(np.float64))
        rows, columns = weights.shape[1:3]
        windows = sliding_window_view(padded, rows, axis=1)
        windows = sliding_window_view(windows, columns, axis=2)
        sums = np.einsum(
            "nyxchw,ohwc->nyxo",
            windows[:, :: self.stride_h, :: self.stride_w],
            weights.astype(np.float64),
            optimize=True,
        )
        return sums.astype(np.int32)
