#include "tests/fuzz/op_describer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "custom_ops/kernels/levels.h"

namespace bifsmn {

OpDescription OpDescriber::Describe(const OpDefinition& definition) {
#define BIFSMN_DESCRIBE(op) {"Bifsmn" #op, &OpDescriber::Describe##op},
  static const std::map<std::string_view, void (OpDescriber::*)()> of_ops = {
      BIFSMN_OPS(BIFSMN_DESCRIBE)};
#undef BIFSMN_DESCRIBE
  options_ = {kContractVersion};
  inputs_.clear();
  output_count_ = 1;
  (this->*of_ops.at(definition.name))();
  return {options_, inputs_, output_count_};
}

void OpDescriber::AddGeometry(int height, int width, int* kernel_h,
                              int* kernel_w) {
  *kernel_h = choices_.In(1, 5);
  *kernel_w = choices_.OneIn(3) ? width : choices_.In(1, 5);
  options_.push_back(choices_.In(1, 3));
  options_.push_back(choices_.In(1, 3));
  const bool padded = choices_.OneIn(2);
  for (const int kernel : {*kernel_h, *kernel_w}) {
    for (int side = 0; side < 2; ++side) {
      options_.push_back(padded ? choices_.Byte() % kernel : 0);
    }
  }
  const int taller = *kernel_h - height - options_[3] - options_[4];
  const int wider = *kernel_w - width - options_[5] - options_[6];
  if (taller > 0) *kernel_h -= taller;
  if (wider > 0) *kernel_w -= wider;
}

std::vector<int> OpDescriber::ConvResult(const std::vector<int>& image,
                                         int kernel_h, int kernel_w, int first,
                                         int outputs) const {
  const int32_t* o = options_.data() + first;
  return {image[0], std::max(1, (image[1] + o[2] + o[3] - kernel_h) / o[0] + 1),
          std::max(1, (image[2] + o[4] + o[5] - kernel_w) / o[1] + 1), outputs};
}

void OpDescriber::DescribeFeatureConv(bool in_floats) {
  int features = tensors_.Find(Kind::kFeatures, 3);
  if (features < 0) {
    std::vector<int> shape = {tensors_.batch(), tensors_.Size(),
                              tensors_.Size()};
    if (choices_.OneIn(2)) shape.push_back(choices_.In(1, 4));
    features =
        tensors_.Add(Kind::kFeatures, ElementType::kFloat32, shape, false);
  }
  const std::vector<int> shape = tensors_.tensor(features).info.shape;
  int kernel_h, kernel_w;
  AddGeometry(shape[1], shape[2], &kernel_h, &kernel_w);
  const int outputs = tensors_.Channels();
  const std::vector<int> weights = {outputs, kernel_h, kernel_w,
                                    shape.size() == 4 ? shape[3] : 1};
  inputs_ = {features};
  if (in_floats) {
    inputs_.push_back(tensors_.AddConstant(ElementType::kFloat32, weights));
    inputs_.push_back(tensors_.AddConstant(ElementType::kFloat32, {outputs}));
  } else {
    options_.push_back(WordOf(choices_.Of({1.0f, 7.3f, 40.0f, 1e-30f, 1e30f})));
    inputs_.push_back(tensors_.AddConstant(ElementType::kInt8, weights));
    inputs_.push_back(
        tensors_.AddConstant(ElementType::kInt32, ThresholdShape(outputs)));
  }
}

void OpDescriber::DescribeQuantConv2D() { DescribeFeatureConv(false); }

void OpDescriber::DescribeFloatConv2D() { DescribeFeatureConv(true); }

void OpDescriber::DescribeInt8Conv2D() {
  int values = choices_.OneIn(3) ? tensors_.Find(Kind::kFeatures, 3)
                                 : tensors_.Find(Kind::kLevels, 4);
  if (values < 0) {
    const bool in_floats = choices_.OneIn(3);
    values =
        tensors_.Add(in_floats ? Kind::kFeatures : Kind::kLevels,
                     in_floats ? ElementType::kFloat32 : ElementType::kInt8,
                     {tensors_.batch(), tensors_.Size(), tensors_.Size(),
                      choices_.OneIn(3) ? tensors_.Channels() : 1},
                     false);
  }
  const std::vector<int> image = tensors_.tensor(values).info.shape;
  int kernel_h, kernel_w;
  AddGeometry(image[1], image[2], &kernel_h, &kernel_w);
  const int bits = choices_.Of({8, 8, 16, 32});
  const int outputs = tensors_.Channels();
  options_.push_back(WordOf(choices_.Of({1.0f, 7.3f, 1e30f})));
  options_.push_back(bits);
  options_.push_back(WordOf(choices_.Of({1.0f, 0.01f, 1e-30f, 1e30f})));
  const int thresholds = Thresholds();
  AddActivationBits(thresholds);
  inputs_ = {
      values,
      tensors_.AddConstant(
          ElementType::kInt8,
          {outputs, kernel_h, kernel_w, image.size() == 4 ? image[3] : 1}),
      tensors_.AddConstant(ElementType::kFloat32, {3 + thresholds, outputs})};
  // -128 is refused.
  for (char& weight : tensors_.tensor(inputs_[1]).content) {
    const bool is_least = static_cast<int8_t>(weight) == INT8_MIN;
    if (is_least && !choices_.OneIn(200)) weight = 127;
  }
  output_count_ = choices_.In(1, 2);
  if (bits == 8 || choices_.OneIn(2)) return;
  inputs_.push_back(tensors_.Residual(
      ConvResult(image, kernel_h, kernel_w, 1, outputs),
      bits == 16 ? ElementType::kInt16 : ElementType::kFloat32));
}

int OpDescriber::Thresholds() {
  return choices_.OneIn(3) ? kLevelThresholds : 1;
}

void OpDescriber::AddActivationBits(int thresholds) {
  if (thresholds > 1 || choices_.OneIn(8)) {
    options_.push_back(thresholds > 1 ? 2 : 1);
  }
}

std::vector<int> OpDescriber::ThresholdShape(int outputs) {
  const int thresholds = Thresholds();
  AddActivationBits(thresholds);
  if (thresholds == 1) return {outputs};
  return {thresholds, outputs};
}

int OpDescriber::ChannelsOf(int bits, int* largest_level) {
  const int channels = tensors_.tensor(bits).channels;
  // Planes of whole words: no bit of theirs stands for no channel.
  const bool two = channels % 32 == 0 && choices_.OneIn(2);
  *largest_level = two ? kLargestLevel : 1;
  return two ? channels / 2 : channels;
}

int OpDescriber::DescribeBinaryConv(int bits, int outputs) {
  int level;
  const int channels = ChannelsOf(bits, &level);
  const std::vector<int> shape = tensors_.tensor(bits).info.shape;
  int kernel_h = 1;
  int kernel_w = 1;
  if (choices_.OneIn(2)) {
    options_.insert(options_.end(), {1, 1, 0, 0, 0, 0});
  } else {
    AddGeometry(shape[1], shape[2], &kernel_h, &kernel_w);
  }
  options_.insert(options_.begin() + 1, channels);
  inputs_ = {bits,
             tensors_.AddBitsConstant({outputs, kernel_h, kernel_w, channels})};
  return level;
}

ElementType OpDescriber::AddParameters(int channels, int largest_dot) {
  const bool in_floats = choices_.OneIn(2);
  const ElementType type =
      in_floats ? ElementType::kFloat32 : ElementType::kInt16;
  int shift = 0;
  if (!in_floats) {
    const int most = std::ilogb(std::max(1, 32767 / std::max(1, largest_dot)));
    shift = choices_.Byte() % (most + 1);
  }
  options_.push_back(shift);
  const int thresholds = Thresholds();
  AddActivationBits(thresholds);
  const std::vector<int> shape = {3 + thresholds, channels};
  inputs_.push_back(in_floats ? tensors_.AddConstant(type, shape)
                              : tensors_.AddIntegers(type, shape));
  return type;
}

void OpDescriber::DescribeConv2D() {
  const int bits = tensors_.Bits();
  const int outputs = tensors_.Channels();
  DescribeBinaryConv(bits, outputs);
  inputs_.push_back(
      tensors_.AddIntegers(ElementType::kInt16, ThresholdShape(outputs)));
}

void OpDescriber::DescribeConv2DAdd() {
  const int bits = tensors_.Bits();
  const int outputs = tensors_.Channels();
  const int level = DescribeBinaryConv(bits, outputs);
  const std::vector<int> image = tensors_.tensor(bits).info.shape;
  const std::vector<int> kernel = tensors_.tensor(inputs_[1]).info.shape;
  const ElementType type =
      AddParameters(outputs, level * kernel[1] * kernel[2] * options_[1]);
  output_count_ = choices_.In(1, 2);
  const int residual = choices_.In(0, 3);
  if (residual == 0) return;
  if (residual == 1) {
    inputs_.push_back(-1);
    return;
  }
  inputs_.push_back(tensors_.Residual(
      ConvResult(image, kernel[1], kernel[2], 2, outputs), type));
}

void OpDescriber::DescribeMemory() {
  int bits = tensors_.Find(Kind::kBits, 4);
  if (bits < 0 || tensors_.tensor(bits).info.shape[2] != 1) {
    bits = tensors_.Add(
        Kind::kBits, ElementType::kInt16,
        {tensors_.batch(), tensors_.Size(), 1, tensors_.Channels()}, false);
  }
  int level;
  const int channels = ChannelsOf(bits, &level);
  std::vector<int> shape = tensors_.tensor(bits).info.shape;
  shape.back() = channels;
  if (choices_.OneIn(3)) shape[1] -= choices_.Byte() % std::max(1, shape[1]);
  const int back = choices_.OneIn(12) ? 300 : choices_.In(0, 10);
  const int ahead = choices_.In(0, 10);
  for (const int value :
       {channels, back, ahead, choices_.In(1, 3), choices_.In(1, 3)}) {
    options_.push_back(value);
  }
  const int taps = back + 1 + ahead;
  const int weights = tensors_.AddBitsConstant({taps, channels});
  const ElementType type = AddParameters(channels, level * taps);
  const int parameters = inputs_.back();
  inputs_ = {bits, tensors_.Residual(shape, type), weights, parameters};
  output_count_ = choices_.In(1, 2);
}

void OpDescriber::DescribeDense() {
  int residual = tensors_.Find(Kind::kResidual, 4);
  if (residual < 0) {
    residual = tensors_.Add(
        Kind::kResidual,
        choices_.Of({ElementType::kInt16, ElementType::kFloat32}),
        {tensors_.batch(), tensors_.Size(), 1, tensors_.Channels()}, false);
  }
  const TensorInfo& info = tensors_.tensor(residual).info;
  const int values =
      static_cast<int>(info.elements() / std::max(1, info.shape[0]));
  const int outputs = choices_.In(1, 40);
  const ElementType type = choices_.Of(
      {ElementType::kInt8, ElementType::kFloat16, ElementType::kFloat32});
  const std::vector<int> shape = {outputs, values};
  inputs_ = {residual,
             type == ElementType::kInt8 ? tensors_.AddIntegers(type, shape)
                                        : tensors_.AddConstant(type, shape),
             tensors_.AddConstant(ElementType::kFloat32, {2, outputs})};
}

void OpDescriber::DescribeLogMel() {
  const int n_fft = choices_.Of({256, 256, 512, 512, 1024, 4096});
  const int folds = choices_.Of({1, 1, 2, 3, 16});
  const int hop = choices_.Of({1, 7, 128, 256, 100000});
  const bool centred = choices_.OneIn(2);
  const int samples = n_fft * folds + choices_.In(0, 7) * std::min(hop, 200);
  const ElementType type =
      choices_.Of({ElementType::kInt16, ElementType::kFloat32});
  options_.insert(options_.end(),
                  {choices_.Of({16000, 8000, 1}), n_fft, folds, hop,
                   choices_.Of({1, 8, 32, 40, 1024}), int{centred},
                   WordOf(choices_.Of({0.0f, 20.0f, 0.25f})),
                   WordOf(choices_.Of({4000.0f, 0.5f, 21.0f, 8000.0f})),
                   WordOf(choices_.Of({1e-10f, 1.2e-38f, 1.0f})),
                   WordOf(-40.0f), WordOf(choices_.Of({1.0f, 0.05f, 1e30f}))});
  inputs_ = {
      tensors_.Add(Kind::kOther, type, {tensors_.batch(), samples}, false)};
}

int OpDescriber::Frames() {
  const auto [kind, type] = choices_.Of<std::pair<Kind, ElementType>>(
      {{Kind::kBits, ElementType::kInt16},
       {Kind::kResidual, ElementType::kInt16},
       {Kind::kResidual, ElementType::kFloat32},
       {Kind::kLevels, ElementType::kInt8},
       {Kind::kFeatures, ElementType::kFloat32},
       {Kind::kOther, ElementType::kInt32}});
  const int found = tensors_.Find(kind, kind == Kind::kFeatures ? 3 : 4);
  if (found >= 0 && tensors_.shape(found)[0] == 1) return found;
  std::vector<int> shape = {1, tensors_.Size()};
  if (kind != Kind::kFeatures && choices_.OneIn(2)) shape.push_back(1);
  if (kind != Kind::kOther || choices_.OneIn(2)) {
    shape.push_back(tensors_.Channels());
  }
  return tensors_.Add(kind, type, shape, false);
}

void OpDescriber::DescribeHistory() {
  const int added = Frames();
  const TensorInfo& info = tensors_.tensor(added).info;
  const int frames = choices_.In(1, 5);
  const int offset = 4 * choices_.In(0, 7);
  options_.insert(options_.end(), {offset, frames});
  const size_t bytes = info.bytes() / std::max(1, info.shape[1]);
  // Of a window that is very large, not all.
  const int end =
      static_cast<int>(std::min<size_t>(offset + frames * bytes, 1 << 20));
  int state = tensors_.Find(Kind::kState, 2);
  if (state < 0 || tensors_.shape(state)[1] < end) {
    state = tensors_.Add(Kind::kState, ElementType::kInt8,
                         {1, end + choices_.In(0, 5)}, false);
  }
  inputs_ = {state, added};
}

void OpDescriber::DescribeState() {
  const int windows = choices_.In(1, 4);
  for (int i = 0; i < windows; ++i) {
    inputs_.push_back(Frames());
    const int frames = tensors_.shape(inputs_.back())[1];
    options_.push_back(1 + choices_.Byte() % std::max(1, frames));
  }
}

}  // namespace bifsmn
