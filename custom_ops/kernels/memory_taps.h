// Which taps of a memory block lie inside the sequence.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_MEMORY_TAPS_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_MEMORY_TAPS_H_

#include <cstddef>

#include "custom_ops/kernels/memory.h"

namespace bifsmn {

// The taps [begin, end) of one step after the other.
class MemoryTaps {
 public:
  MemoryTaps(const MemoryGeometry& geometry, int step)
      : geometry_(geometry), step_(step) {
    back_ = step / geometry.stride_back;
    if (back_ > geometry.look_back) back_ = geometry.look_back;
    ahead_ = (geometry.steps - 1 - step) / geometry.stride_ahead;
    if (ahead_ > geometry.look_ahead) ahead_ = geometry.look_ahead;
  }

  void Next() {
    ++step_;
    if (back_ < geometry_.look_back &&
        (back_ + 1) * geometry_.stride_back <= step_) {
      ++back_;
    }
    if (ahead_ * geometry_.stride_ahead > geometry_.steps - 1 - step_) {
      --ahead_;
    }
  }

  int begin() const { return geometry_.look_back - back_; }
  int end() const { return geometry_.look_back + ahead_ + 1; }
  int count() const { return back_ + ahead_ + 1; }

  // The step that a tap looks at.
  int Source(int tap) const {
    const int distance = tap - geometry_.look_back;
    return step_ + distance * (distance < 0 ? geometry_.stride_back
                                            : geometry_.stride_ahead);
  }

 private:
  const MemoryGeometry& geometry_;
  int step_;
  int back_;
  int ahead_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_MEMORY_TAPS_H_
