// The spotter of bifsmn.h.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "custom_ops/engine/errors.h"
#include "custom_ops/engine/spotter.h"

struct bifsmn_spotter {
  std::unique_ptr<bifsmn::Spotter> spotter;
};

namespace {

using bifsmn::Spotter;
using bifsmn::Status;

// Larger than any model for a board: another file was meant.
constexpr size_t kMostBytes = size_t{64} << 20;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Status ReadFile(const char* path, std::vector<char>* content) {
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path, "rb"));
  if (file == nullptr) return Status::Error("%s", std::strerror(errno));
  if (std::fseek(file.get(), 0, SEEK_END) != 0) {
    return Status::Error("%s", std::strerror(errno));
  }
  const long bytes = std::ftell(file.get());
  if (bytes < 0 || static_cast<size_t>(bytes) > kMostBytes) {
    return Status::Error("no file of at most %zu bytes", kMostBytes);
  }
  std::rewind(file.get());
  content->resize(bytes);
  content->resize(std::fread(content->data(), 1, content->size(), file.get()));
  if (std::ferror(file.get())) {
    return Status::Error("%s", std::strerror(errno));
  }
  return Status();
}

Status Make(const void* content, size_t bytes, const bifsmn_options* options,
            bifsmn_spotter** result) {
  auto made = std::make_unique<bifsmn_spotter>();
  BIFSMN_RETURN_IF_ERROR(Spotter::Create(
      content, bytes, options == nullptr ? bifsmn_default_options() : *options,
      &made->spotter));
  *result = made.release();
  return Status();
}

}  // namespace

bifsmn_options bifsmn_default_options() { return {0, 0, -1, -1, -1, -1}; }

bifsmn_spotter* bifsmn_spotter_from_memory(const void* content, size_t bytes,
                                           const bifsmn_options* options,
                                           char* error, size_t error_bytes) {
  bifsmn_spotter* result = nullptr;
  bifsmn::Succeeds({error, error_bytes},
                   [&] { return Make(content, bytes, options, &result); });
  return result;
}

bifsmn_spotter* bifsmn_spotter_from_file(const char* path,
                                         const bifsmn_options* options,
                                         char* error, size_t error_bytes) {
  bifsmn_spotter* result = nullptr;
  bifsmn::Succeeds({error, error_bytes}, [&] {
    std::vector<char> content;
    BIFSMN_RETURN_IF_ERROR(ReadFile(path, &content).In(path));
    return Make(content.data(), content.size(), options, &result).In(path);
  });
  return result;
}

void bifsmn_spotter_destroy(bifsmn_spotter* spotter) { delete spotter; }

int bifsmn_spotter_labels(const bifsmn_spotter* spotter) {
  return static_cast<int>(spotter->spotter->description().labels.size());
}

const char* bifsmn_spotter_label(const bifsmn_spotter* spotter, int number) {
  if (number < 0 || number >= bifsmn_spotter_labels(spotter)) return nullptr;
  return spotter->spotter->description().labels[number].c_str();
}

const char* bifsmn_spotter_metadata(const bifsmn_spotter* spotter) {
  return spotter->spotter->description().text.c_str();
}

int bifsmn_spotter_sample_rate(const bifsmn_spotter* spotter) {
  return spotter->spotter->description().sample_rate;
}

int bifsmn_spotter_step(const bifsmn_spotter* spotter) {
  return spotter->spotter->stream().step();
}

int bifsmn_spotter_deltas(const bifsmn_spotter* spotter) {
  return static_cast<int>(spotter->spotter->description().deltas.size());
}

int bifsmn_spotter_delta(const bifsmn_spotter* spotter, int number) {
  if (number < 0 || number >= bifsmn_spotter_deltas(spotter)) return 0;
  return spotter->spotter->description().deltas[number];
}

int bifsmn_spotter_set_delta(bifsmn_spotter* spotter, int delta) {
  const std::vector<int>& deltas = spotter->spotter->description().deltas;
  const auto found = std::find(deltas.begin(), deltas.end(), delta);
  if (found == deltas.end()) return -1;
  spotter->spotter->SetDepth(static_cast<int>(found - deltas.begin()));
  return 0;
}

int bifsmn_spotter_deciding_delta(const bifsmn_spotter* spotter) {
  return bifsmn_spotter_delta(spotter, spotter->spotter->stream().deciding());
}

double bifsmn_spotter_threshold(const bifsmn_spotter* spotter, int label) {
  if (bifsmn_spotter_label(spotter, label) == nullptr) {
    return bifsmn::kNoThreshold;
  }
  return spotter->spotter->detector().settings().thresholds[label];
}

int bifsmn_spotter_set_threshold(bifsmn_spotter* spotter, int label,
                                 double threshold) {
  if (bifsmn_spotter_threshold(spotter, label) == bifsmn::kNoThreshold ||
      !(threshold > 0 && threshold <= 1)) {
    return -1;
  }
  spotter->spotter->detector().SetThreshold(label, threshold);
  return 0;
}

size_t bifsmn_spotter_push_int16(bifsmn_spotter* spotter,
                                 const int16_t* samples, size_t count) {
  return spotter->spotter->Push(samples, count);
}

size_t bifsmn_spotter_push_float(bifsmn_spotter* spotter, const float* samples,
                                 size_t count) {
  return spotter->spotter->Push(samples, count);
}

void bifsmn_spotter_flush(bifsmn_spotter* spotter) {
  spotter->spotter->Flush();
}

void bifsmn_spotter_reset(bifsmn_spotter* spotter) {
  spotter->spotter->Reset();
}

int bifsmn_spotter_poll(bifsmn_spotter* spotter, bifsmn_detection* detection) {
  return spotter->spotter->Poll(detection) ? 1 : 0;
}

uint64_t bifsmn_spotter_decisions(const bifsmn_spotter* spotter) {
  return spotter->spotter->decisions();
}

const float* bifsmn_spotter_logits(const bifsmn_spotter* spotter) {
  return spotter->spotter->logits();
}

const float* bifsmn_spotter_probabilities(const bifsmn_spotter* spotter) {
  return spotter->spotter->probabilities();
}
