#include "custom_ops/kernels/levels.h"

namespace bifsmn {

void SplitPlanes(const Word* image, ptrdiff_t pixels, int words, Word* planes) {
  Word* second = planes + pixels * words;
  if (words == 1) {
    // The second convolution's input, in vectors.
    for (ptrdiff_t i = 0; i < pixels; ++i) {
      planes[i] = image[2 * i];
      second[i] = image[2 * i + 1];
    }
    return;
  }
  for (ptrdiff_t i = 0; i < pixels; ++i) {
    planes = std::copy_n(image, words, planes);
    second = std::copy_n(image + words, words, second);
    image += 2 * words;
  }
}

}  // namespace bifsmn
