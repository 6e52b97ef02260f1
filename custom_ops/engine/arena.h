// Places buffers that do not live at the same time in the same memory.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_ARENA_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_ARENA_H_

#include <cstddef>
#include <vector>

namespace bifsmn {

struct ArenaBuffer {
  size_t bytes;

  // The steps during which it is in use, both included.
  int first_step;
  int last_step;

  // Where it was placed, aligned to 64 bytes.
  size_t offset = 0;
};

// Sets the offsets, largest buffers first, each as low as it fits. Returns the
// bytes of the whole.
size_t PlaceBuffers(std::vector<ArenaBuffer>* buffers);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_ARENA_H_
