// How long each op of a network takes, for those who want to know.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_PROFILE_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_PROFILE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

namespace bifsmn {

// Of all partitions together: meant for one network run in one thread.
class Profile {
 public:
  static bool enabled() { return enabled_.load(std::memory_order_relaxed); }

  // Forgets what was measured, and begins or ends measuring.
  static void Enable(bool enabled);

  // Adds a run of a partition's `step`, an op of that name.
  static void Add(size_t step, const std::string& name,
                  std::chrono::nanoseconds time);

  // [{"step": 0, "op": "BifsmnConv2D", "runs": 100, "nanoseconds": 12345}, ...]
  static std::string Json();

 private:
  static std::atomic<bool> enabled_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_PROFILE_H_
