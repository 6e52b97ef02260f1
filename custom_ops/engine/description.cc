#include "custom_ops/engine/description.h"

#include <algorithm>
#include <cmath>

#include "custom_ops/engine/inflate.h"
#include "custom_ops/engine/json.h"

namespace bifsmn {
namespace {

constexpr const char* kMetadata = "bifsmn_tf";
constexpr int kFormat = 1;
constexpr size_t kMostBytes = 1 << 20;

// Stride of both convolutions of the front end.
constexpr int kFrontStride = 2;

// As bifsmn_tf/model_file/detection.py has them.
constexpr double kThreshold = 0.8;
constexpr double kSmoothing = 0.2;
constexpr double kHold = 1.0;

// Larger than any number of a network, and small enough for sums of products.
constexpr double kLargest = 1 << 20;

Status Damaged(const char* name) {
  return Status::Error(
      "what it says of itself is damaged or of another version (%s): convert "
      "it again",
      name);
}

// A member that may be absent, an integer from `least` on.
Status ReadInt(const Json& object, const char* name, int least, int absent,
               int* value) {
  const Json* found = object.Find(name);
  *value = absent;
  if (found == nullptr) return Status();
  const double number = found->number();
  if (found->type() != Json::Type::kNumber || number != std::floor(number) ||
      number < least || number > kLargest) {
    return Damaged(name);
  }
  *value = static_cast<int>(number);
  return Status();
}

Status ReadLabels(const Json& root, std::vector<std::string>* labels) {
  const Json* found = root.Find("label_names");
  if (found == nullptr || found->list().empty()) return Damaged("label_names");
  for (const Json& label : found->list()) {
    if (label.type() != Json::Type::kText) return Damaged("label_names");
    labels->push_back(label.text());
  }
  return Status();
}

Status ReadFeatures(const Json& root, Description* description) {
  const Json* features = root.Find("features");
  if (features == nullptr) return Damaged("features");
  BIFSMN_RETURN_IF_ERROR(
      ReadInt(*features, "sample_rate", 1, 16000, &description->sample_rate));
  BIFSMN_RETURN_IF_ERROR(ReadInt(*features, "hop", 1, 512, &description->hop));
  int n_fft, folds;
  BIFSMN_RETURN_IF_ERROR(ReadInt(*features, "n_fft", 1, 2048, &n_fft));
  BIFSMN_RETURN_IF_ERROR(ReadInt(*features, "folds", 1, 1, &folds));
  if (int64_t{n_fft} * folds > kMaxElements) return Damaged("folds");
  description->frame_length = n_fft * folds;
  return Status();
}

Status ReadNetwork(const Json& root, Description* description) {
  const Json* network = root.Find("network");
  if (network == nullptr) return Damaged("network");
  const Json* streaming = network->Find("streaming");
  description->streaming = streaming != nullptr && streaming->boolean();
  const struct {
    const char* name;
    int least;
    int absent;
    int* value;
  } fields[] = {
      {"frames", 1, 32, &description->frames},
      {"mels", 1, 32, &description->mels},
      {"blocks", 1, 8, &description->blocks},
      {"look_back", 0, 2, &description->look_back},
      {"stride_back", 1, 1, &description->stride_back},
      {"front_kernel", 1, 5, &description->front_kernel},
  };
  for (const auto& field : fields) {
    BIFSMN_RETURN_IF_ERROR(
        ReadInt(*network, field.name, field.least, field.absent, field.value));
  }
  const Json* deltas = network->Find("deltas");
  if (deltas == nullptr) {
    description->deltas = {1};
    return Status();
  }
  for (const Json& delta : deltas->list()) {
    const double number = delta.number();
    if (!(number >= 1 && number <= description->blocks)) {
      return Damaged("deltas");
    }
    description->deltas.push_back(static_cast<int>(number));
  }
  return description->deltas.empty() ? Damaged("deltas") : Status();
}

bool IsKeyword(const std::string& label) {
  return label != "unknown" && label != "silence" && label[0] != '_';
}

Status ReadDetection(const Json& root, Description* description) {
  DetectorSettings& settings = description->detection;
  settings.sample_rate = description->sample_rate;
  settings.smoothing = kSmoothing;
  settings.hold = kHold;
  for (const std::string& label : description->labels) {
    settings.thresholds.push_back(IsKeyword(label) ? kThreshold : kNoThreshold);
  }
  const Json* found = root.Find("detection");
  if (found == nullptr || found->type() == Json::Type::kNull) return Status();
  const Json* smoothing = found->Find("smoothing");
  const Json* hold = found->Find("hold");
  const Json* thresholds = found->Find("thresholds");
  if (smoothing == nullptr || hold == nullptr || thresholds == nullptr) {
    return Damaged("detection");
  }
  settings.smoothing = smoothing->number();
  settings.hold = hold->number();
  for (size_t i = 0; i < description->labels.size(); ++i) {
    if (!IsKeyword(description->labels[i])) continue;
    const Json* threshold = thresholds->Find(description->labels[i]);
    if (threshold == nullptr) return Damaged("thresholds");
    settings.thresholds[i] = threshold->number();
  }
  return Status();
}

int CeilDivide(int value, int divisor) {
  return (value + divisor - 1) / divisor;
}

}  // namespace

Status Description::Read(const ModelFile& file, Description* description) {
  *description = Description();
  const std::string_view* content = file.FindMetadata(kMetadata);
  if (content == nullptr) {
    return Status::Error("it has no description: bifsmn_tf.convert writes one");
  }
  BIFSMN_RETURN_IF_ERROR(Inflate(*content, kMostBytes, &description->text));
  Json root;
  BIFSMN_RETURN_IF_ERROR(Json::Parse(description->text, &root));
  int format;
  BIFSMN_RETURN_IF_ERROR(ReadInt(root, "format", 0, 0, &format));
  if (format != kFormat) return Damaged("format");
  BIFSMN_RETURN_IF_ERROR(ReadLabels(root, &description->labels));
  BIFSMN_RETURN_IF_ERROR(ReadFeatures(root, description));
  BIFSMN_RETURN_IF_ERROR(ReadNetwork(root, description));
  return ReadDetection(root, description);
}

int Description::step_frames() const { return kFrontStride * kFrontStride; }

int Description::reach_steps(int delta) const {
  int64_t reach = CeilDivide(CeilDivide(frames, kFrontStride), kFrontStride);
  reach += int64_t{blocks / delta} * look_back * stride_back;
  for (int i = 0; i < 2; ++i) {
    reach = (reach - 1) * kFrontStride + std::max(front_kernel, kFrontStride);
  }
  const int64_t steps = (reach + step_frames() - 1) / step_frames() + 1;
  // Far more than any network's; a damaged file must not take forever.
  return static_cast<int>(std::min<int64_t>(steps, 10000));
}

}  // namespace bifsmn
