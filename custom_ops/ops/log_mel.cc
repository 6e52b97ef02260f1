// BifsmnLogMel: from sound to normalised features.

#include "custom_ops/kernels/log_mel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/shared_constants.h"
#include "custom_ops/ops/validation.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {
namespace {

struct LogMelAttributes {
  MelParameters mel;
  int hop;
  bool centred;
  DecibelParameters decibel;
};

class LogMel : public Op {
 public:
  explicit LogMel(const LogMelAttributes& attributes)
      : hop_(attributes.hop),
        centred_(attributes.centred),
        mel_(attributes.mel),
        decibel_(attributes.decibel) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kLogMelOp, inputs, output_count));
    const TensorInfo& audio = *inputs[0];
    is_int16_ = audio.type == ElementType::kInt16;
    BIFSMN_RETURN_IF_ERROR(CheckTensor(
        audio, "audio", is_int16_ ? ElementType::kInt16 : ElementType::kFloat32,
        2));
    clips_ = audio.shape[0];
    samples_ = audio.shape[1];
    const int least =
        centred_ ? mel_.frame_length() / 2 + 1 : mel_.frame_length();
    if (samples_ < least) {
      return Status::Error("audio has to be of at least %d samples, has %d",
                           least, samples_);
    }
    frames_ = 1 + (centred_ ? samples_ : samples_ - mel_.frame_length()) / hop_;
    const std::vector<int> shape = {clips_, frames_, mel_.n_mels};
    BIFSMN_RETURN_IF_ERROR(CheckShape(shape).In("result"));
    outputs->assign(1, {ElementType::kFloat32, shape});
    const auto any = [](const auto&) { return true; };
    fast_kernel_ = &MelKernels().Select(any);
    exact_kernel_ = &ExactMelKernels().Select(any);
    fast_tables_ =
        std::make_shared<LogMelTables<float>>(mel_, fast_kernel_->lanes);
    exact_tables_ =
        std::make_shared<LogMelTables<double>>(mel_, exact_kernel_->lanes);
    const int at_once = fast_kernel_->two_frames != nullptr ? 2 : 1;
    layout_ = WorkspaceLayout();
    // Of floats within a stream, frames are taken where they are.
    const bool copies = centred_ || is_int16_;
    for (int i = 0; copies && i < at_once; ++i) {
      frame_[i] = layout_.Add<float>(mel_.frame_length());
    }
    power_ = layout_.Add<float>(at_once * mel_.n_mels);
    exact_power_ = layout_.Add<double>(mel_.n_mels);
    // The exact kernel works where the fast one has finished.
    work_ = layout_.Add<double>(
        std::max(exact_tables_->work_size(),
                 (fast_tables_->work_size(at_once) + 1) / 2));
    return Status();
  }

  void Share(ConstantPool* pool) override {
    const auto equal = [](const auto& a, const auto& b) {
      return a.lanes == b.lanes && a.parameters == b.parameters;
    };
    fast_tables_ = pool->First(fast_tables_, equal);
    exact_tables_ = pool->First(exact_tables_, equal);
  }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    auto* features = static_cast<float*>(outputs[0]);
    for (int n = 0; n < clips_;
         ++n, features += ptrdiff_t{frames_} * mel_.n_mels) {
      const ptrdiff_t start = ptrdiff_t{n} * samples_;
      if (is_int16_) {
        RunClip(static_cast<const int16_t*>(inputs[0]) + start, workspace,
                features);
      } else {
        RunClip(static_cast<const float*>(inputs[0]) + start, workspace,
                features);
      }
    }
  }

 private:
  template <typename T>
  void RunClip(const T* clip, void* workspace, float* features) const {
    float* power = power_.In(workspace);
    auto* work = reinterpret_cast<float*>(work_.In(workspace));
    int t = 0;
    if (fast_kernel_->two_frames != nullptr) {
      for (; t + 2 <= frames_; t += 2, features += 2 * mel_.n_mels) {
        const float* const frames[] = {
            Frame(clip, t, frame_[0].In(workspace)),
            Frame(clip, t + 1, frame_[1].In(workspace))};
        float totals[2];
        fast_kernel_->two_frames(*fast_tables_, frames, work, power, totals);
        for (int i = 0; i < 2; ++i) {
          MakePrecise(frames[i], totals[i], workspace, power + i * mel_.n_mels);
        }
        fast_kernel_->decibel(power, 2 * mel_.n_mels, decibel_, features);
      }
    }
    for (; t < frames_; ++t, features += mel_.n_mels) {
      const float* frame = Frame(clip, t, frame_[0].In(workspace));
      const float total =
          fast_kernel_->frame(*fast_tables_, frame, work, power);
      MakePrecise(frame, total, workspace, power);
      fast_kernel_->decibel(power, mel_.n_mels, decibel_, features);
    }
  }

  // The samples of frame t: in place if they are there as they are wanted, else
  // in `frame`.
  template <typename T>
  const float* Frame(const T* clip, int t, float* frame) const {
    const int size = mel_.frame_length();
    const int first =
        static_cast<int>(int64_t{t} * hop_ - (centred_ ? size / 2 : 0));
    // The part of the frame that is inside of the clip: its centre always is,
    // or just behind the clip's end.
    const int begin = std::max(-first, 0);
    const int end = std::min(samples_ - first, size);
    if constexpr (std::is_same_v<T, float>) {
      if (begin == 0 && end == size) return clip + first;
    }
    const int last = 2 * (samples_ - 1);
    for (int i = 0; i < begin; ++i) frame[i] = Sample(clip[-(first + i)]);
    if constexpr (std::is_same_v<T, float>) {
      std::copy(clip + first + begin, clip + first + end, frame + begin);
    } else {
      ConvertSamples(clip + first + begin, end - begin, frame + begin);
    }
    for (int i = end; i < size; ++i) frame[i] = Sample(clip[last - first - i]);
    return frame;
  }

  static float Sample(float value) { return value; }
  static float Sample(int16_t value) { return value * (1.0f / 32768); }

  // Several vectors at a time, which an in-order core needs to be busy.
  static void ConvertSamples(const int16_t* __restrict from, int count,
                             float* __restrict to) {
    constexpr int kTogether = 32;
    int i = 0;
    for (; i + kTogether <= count; i += kTogether) {
      for (int k = i; k < i + kTogether; ++k) to[k] = Sample(from[k]);
    }
    for (; i < count; ++i) to[i] = Sample(from[i]);
  }

  // Computes the bands of a frame again if they are not precise.
  void MakePrecise(const float* frame, float total, void* workspace,
                   float* power) const {
    if (IsPrecise(total, power, mel_.n_mels, decibel_.floor)) return;
    double* exact = exact_power_.In(workspace);
    exact_kernel_->frame(*exact_tables_, frame, work_.In(workspace), exact);
    std::copy_n(exact, mel_.n_mels, power);
  }

  const int hop_;
  const bool centred_;
  const MelParameters mel_;
  const DecibelParameters decibel_;

  int clips_ = 0;
  int samples_ = 0;
  int frames_ = 0;
  bool is_int16_ = false;
  const MelKernel<float>* fast_kernel_ = nullptr;
  const MelKernel<double>* exact_kernel_ = nullptr;
  std::shared_ptr<const LogMelTables<float>> fast_tables_;
  std::shared_ptr<const LogMelTables<double>> exact_tables_;
  WorkspaceLayout layout_;
  WorkspaceLayout::Part<float> frame_[2];
  WorkspaceLayout::Part<float> power_;
  WorkspaceLayout::Part<double> exact_power_;
  WorkspaceLayout::Part<double> work_;
};

Status Check(const LogMelAttributes& a) {
  if (a.mel.sample_rate < 1) {
    return Status::Error("sample_rate has to be positive, is %d",
                         a.mel.sample_rate);
  }
  if (a.mel.n_fft < kSmallestFft || a.mel.n_fft > kLargestFft ||
      (a.mel.n_fft & (a.mel.n_fft - 1)) != 0) {
    return Status::Error("n_fft has to be a power of two from %d to %d, is %d",
                         kSmallestFft, kLargestFft, a.mel.n_fft);
  }
  if (a.mel.folds < 1 || a.mel.folds > kMostFolds) {
    return Status::Error("folds has to be from 1 to %d, is %d", kMostFolds,
                         a.mel.folds);
  }
  if (a.hop < 1) {
    return Status::Error("hop has to be positive, is %d", a.hop);
  }
  if (a.mel.n_mels < 1 || a.mel.n_mels > kMostMels) {
    return Status::Error("n_mels has to be from 1 to %d, is %d", kMostMels,
                         a.mel.n_mels);
  }
  // Written so that NaN fails.
  if (!(a.mel.f_min >= 0 && a.mel.f_min < a.mel.f_max &&
        a.mel.f_max <= a.mel.sample_rate / 2.0)) {
    return Status::Error(
        "0 <= f_min < f_max <= sample_rate / 2 does not hold for %g, %g and %d",
        a.mel.f_min, a.mel.f_max, a.mel.sample_rate);
  }
  if (!(a.decibel.floor >= std::numeric_limits<float>::min() &&
        std::isfinite(a.decibel.floor))) {
    return Status::Error("floor has to be a positive normal number, is %g",
                         a.decibel.floor);
  }
  if (!std::isfinite(a.decibel.mean)) {
    return Status::Error("mean has to be finite, is %g", a.decibel.mean);
  }
  if (!(a.decibel.inverse_std > 0 && std::isfinite(a.decibel.inverse_std))) {
    return Status::Error("inverse_std has to be finite and positive, is %g",
                         a.decibel.inverse_std);
  }
  return Status();
}

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  const LogMelAttributes a = {
      {attributes.Int("sample_rate"), attributes.Int("n_fft"),
       attributes.Int("folds"), attributes.Int("n_mels"),
       attributes.Float("f_min"), attributes.Float("f_max")},
      attributes.Int("hop"),
      attributes.Int("centred") != 0,
      {attributes.Float("floor"), attributes.Float("mean"),
       attributes.Float("inverse_std")},
  };
  const int centred = attributes.Int("centred");
  if (centred != 0 && centred != 1) {
    return Status::Error("centred has to be 0 or 1, is %d", centred);
  }
  BIFSMN_RETURN_IF_ERROR(Check(a));
  *op = std::make_unique<LogMel>(a);
  return Status();
}

}  // namespace

const OpDefinition kLogMelOp = {
    "BifsmnLogMel",
    1,
    {{"sample_rate", AttributeType::kInt32},
     {"n_fft", AttributeType::kInt32},
     {"folds", AttributeType::kInt32},
     {"hop", AttributeType::kInt32},
     {"n_mels", AttributeType::kInt32},
     {"centred", AttributeType::kInt32},
     {"f_min", AttributeType::kFloat32},
     {"f_max", AttributeType::kFloat32},
     {"floor", AttributeType::kFloat32},
     {"mean", AttributeType::kFloat32},
     {"inverse_std", AttributeType::kFloat32}},
    {"audio"},
    {"features"},
    Create,
};

}  // namespace bifsmn
