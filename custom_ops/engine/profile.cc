#include "custom_ops/engine/profile.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace bifsmn {
namespace {

struct Total {
  int64_t runs = 0;
  int64_t nanoseconds = 0;
};

struct Totals {
  std::mutex mutex;
  std::map<std::pair<size_t, std::string>, Total> of_step;
};

Totals& AllTotals() {
  static Totals totals;
  return totals;
}

}  // namespace

std::atomic<bool> Profile::enabled_{false};

void Profile::Enable(bool enabled) {
  Totals& totals = AllTotals();
  const std::lock_guard<std::mutex> lock(totals.mutex);
  totals.of_step.clear();
  enabled_ = enabled;
}

void Profile::Add(size_t step, const std::string& name,
                  std::chrono::nanoseconds time) {
  Totals& totals = AllTotals();
  const std::lock_guard<std::mutex> lock(totals.mutex);
  Total& total = totals.of_step[{step, name}];
  ++total.runs;
  total.nanoseconds += time.count();
}

std::string Profile::Json() {
  Totals& totals = AllTotals();
  const std::lock_guard<std::mutex> lock(totals.mutex);
  std::string json;
  for (const auto& [key, total] : totals.of_step) {
    json += std::string(json.empty() ? "" : ", ") +
            "{\"step\": " + std::to_string(key.first) + ", \"op\": \"" +
            key.second + "\", \"runs\": " + std::to_string(total.runs) +
            ", \"nanoseconds\": " + std::to_string(total.nanoseconds) + "}";
  }
  return "[" + json + "]";
}

}  // namespace bifsmn
