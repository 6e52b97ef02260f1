#include "custom_ops/engine/arena.h"

#include <algorithm>
#include <numeric>

#include "custom_ops/ops/workspace.h"

namespace bifsmn {

size_t PlaceBuffers(std::vector<ArenaBuffer>* buffers) {
  std::vector<size_t> by_size(buffers->size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(), [&](size_t a, size_t b) {
    return (*buffers)[a].bytes > (*buffers)[b].bytes;
  });
  // Those placed so far, in the order of their offsets.
  std::vector<const ArenaBuffer*> placed;
  size_t total = 0;
  for (const size_t index : by_size) {
    ArenaBuffer& buffer = (*buffers)[index];
    buffer.offset = 0;
    for (const ArenaBuffer* other : placed) {
      const bool together = buffer.first_step <= other->last_step &&
                            other->first_step <= buffer.last_step;
      if (!together) continue;
      if (buffer.offset + buffer.bytes <= other->offset) break;
      buffer.offset =
          std::max(buffer.offset, AlignUp(other->offset + other->bytes));
    }
    const auto after =
        std::upper_bound(placed.begin(), placed.end(), buffer.offset,
                         [](size_t offset, const ArenaBuffer* other) {
                           return offset < other->offset;
                         });
    placed.insert(after, &buffer);
    total = std::max(total, AlignUp(buffer.offset + buffer.bytes));
  }
  return total;
}

}  // namespace bifsmn
