#include "custom_ops/ops/row_bands.h"

#include "custom_ops/kernels/padding.h"

namespace bifsmn {
namespace {

constexpr size_t kMostBands = 4;

}  // namespace

std::vector<RowBand> RowBands(const ConvGeometry& geometry) {
  const ConvGeometry& g = geometry;
  const std::vector<KernelSpan> spans =
      KernelSpans(g.height, g.kernel_h, g.stride_h, g.pad_top, g.output_h);
  if (spans.size() > kMostBands) return {{g, 0, 0, 0}};
  std::vector<RowBand> bands;
  for (const KernelSpan& span : spans) {
    RowBand band = {g, span.first * g.stride_h - g.pad_top + span.begin,
                    span.first, span.begin};
    band.geometry.kernel_h = span.end - span.begin;
    band.geometry.height =
        band.geometry.kernel_h + (span.count - 1) * g.stride_h;
    band.geometry.pad_top = 0;
    band.geometry.output_h = span.count;
    bands.push_back(band);
  }
  return bands;
}

}  // namespace bifsmn
