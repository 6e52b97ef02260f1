// The loops of this folder as TensorFlow ops, registered when this library is
// loaded. What they compute and how they are called: their headers and
// bifsmn_tf/network/fused.py.
//
// Inputs are matrices [rows, columns] and vectors [columns]; one that is not
// wanted is empty, and so is an output that nobody wants.

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/training/adam.h"
#include "custom_ops/training/attention.h"
#include "custom_ops/training/convolution.h"
#include "custom_ops/training/epilogue.h"
#include "custom_ops/training/memory.h"
#include "custom_ops/training/scaled_sign.h"
#include "custom_ops/training/sign_gradient.h"
#include "custom_ops/training/sign_product.h"
#include "custom_ops/training/tensorflow_abi.h"
#include "custom_ops/training/tensorflow_call.h"

namespace bifsmn::training {
namespace {

Surrogate SurrogateOf(const Attributes& attributes) {
  return static_cast<Surrogate>(attributes.surrogate);
}

void Epilogue(const Attributes& attributes, Call& call) {
  const float* z = call.First();
  const float* residual = call.Matrix(1);
  Parameters parameters{};
  parameters.gamma = call.Vector(2);
  parameters.beta = call.Vector(3);
  parameters.slope = call.Vector(4);
  parameters.threshold = call.Vector(5);
  Moving moving{};
  moving.mean = call.Vector(6);
  moving.variance = call.Vector(7);
  moving.momentum = attributes.momentum;
  float* stream = call.MatrixOutput(0, attributes.stream != 0);
  float* signs = call.MatrixOutput(1, attributes.signs != 0);
  Statistics statistics{};
  statistics.mean = call.VectorOutput(2);
  statistics.inverse = call.VectorOutput(3);
  moving.moved_mean = call.VectorOutput(4);
  moving.moved_variance = call.VectorOutput(5);
  if (!call.ok()) return;
  EpilogueForward(call.shape(), z, residual, parameters, attributes.epsilon,
                  statistics, moving, stream, signs,
                  static_cast<int>(attributes.threads));
}

void EpilogueGradient(const Attributes& attributes, Call& call) {
  const float* z = call.First();
  const float* stream = call.Matrix(1);
  Parameters parameters{};
  parameters.gamma = call.Vector(2);
  parameters.beta = call.Vector(3);
  parameters.slope = call.Vector(4);
  parameters.threshold = call.Vector(5);
  const float* mean = call.Vector(6);
  const float* inverse = call.Vector(7);
  const float* dstream = call.Matrix(8);
  const float* dsigns = call.Matrix(9);
  float* dz = call.MatrixOutput(0, true);
  float* dresidual = call.MatrixOutput(1, attributes.residual != 0);
  ParameterGradients gradients{};
  gradients.gamma = call.VectorOutput(2);
  gradients.beta = call.VectorOutput(3);
  gradients.slope = call.VectorOutput(4);
  gradients.threshold = call.VectorOutput(5);
  if (!call.ok()) return;
  EpilogueBackward(call.shape(), z, stream, parameters, mean, inverse, dstream,
                   dsigns, SurrogateOf(attributes), dz, dresidual, gradients,
                   static_cast<int>(attributes.threads));
}

void Sign(const Attributes& attributes, Call& call) {
  const float* y = call.First();
  const float* threshold = call.Vector(1);
  float* signs = call.MatrixOutput(0, true);
  if (!call.ok()) return;
  SignForward(call.shape(), y, threshold, signs,
              static_cast<int>(attributes.threads));
}

void SignGradient(const Attributes& attributes, Call& call) {
  const float* y = call.First();
  const float* threshold = call.Vector(1);
  const float* dsigns = call.Matrix(2);
  float* dy = call.MatrixOutput(0, true);
  float* dthreshold = call.VectorOutput(1);
  if (!call.ok()) return;
  SignBackward(call.shape(), y, threshold, dsigns, SurrogateOf(attributes), dy,
               dthreshold, static_cast<int>(attributes.threads));
}

void Affine(const Attributes& attributes, Call& call) {
  const float* z = call.First();
  const float* offset = call.Vector(1);
  const float* slope = call.Vector(2);
  const float* residual = call.Matrix(3);
  float* y = call.MatrixOutput(0, true);
  if (!call.ok()) return;
  AffineForward(call.shape(), z, residual, offset, slope, y,
                static_cast<int>(attributes.threads));
}

void Maps(const Attributes& attributes, Call& call) {
  const float* states = call.First();
  const States shape = call.StatesOf(attributes);
  float* maps = call.MatrixOutput(0, true);
  if (!call.ok()) return;
  AttentionMaps(shape.examples, shape.rows, shape.columns, states,
                attributes.emphasise != 0, maps,
                static_cast<int>(attributes.threads));
}

void Distances(const Attributes& attributes, Call& call) {
  const float* states = call.First();
  const States shape = call.StatesOf(attributes);
  const float* maps =
      call.Elements(1, shape.examples * shape.rows * shape.columns);
  float* distances = call.MatrixOutputOf(0, shape.variants);
  if (!call.ok()) return;
  AttentionDistance(shape, states, maps, distances,
                    static_cast<int>(attributes.threads));
}

void DistancesGradient(const Attributes& attributes, Call& call) {
  const float* states = call.First();
  const States shape = call.StatesOf(attributes);
  const float* maps =
      call.Elements(1, shape.examples * shape.rows * shape.columns);
  const float* ddistances = call.Elements(2, shape.examples * shape.variants);
  float* dstates = call.MatrixOutput(0, true);
  if (!call.ok()) return;
  AttentionDistanceGradient(shape, states, maps, ddistances, dstates,
                            static_cast<int>(attributes.threads));
}

void ScaledSign(const Attributes&, Call& call) {
  const float* w = call.First();
  float* y = call.MatrixOutput(0, true);
  float* alpha = call.VectorOutput(1);
  if (!call.ok()) return;
  ScaledSignForward(call.shape(), w, y, alpha);
}

void ScaledSignGradient(const Attributes&, Call& call) {
  const float* w = call.First();
  const float* alpha = call.Vector(1);
  const float* dy = call.Matrix(2);
  float* dw = call.MatrixOutput(0, true);
  if (!call.ok()) return;
  ScaledSignBackward(call.shape(), w, alpha, dy, dw);
}

void Product(const Attributes&, Call& call) {
  const float* x = call.First();
  Shape kernel{};
  const float* y = call.Kernel(1, &kernel);
  float* z = call.MatrixOutputOf(0, kernel.columns);
  if (!call.Agree(call.shape().columns, kernel.rows)) return;
  SignProduct(call.shape(), kernel.columns, x, y, z);
}

// What attributes say of a convolution; an error if a size is impossible.
Convolution WindowOf(const Attributes& attributes, Call& call) {
  const Convolution& c = attributes.window;
  call.Possible({c.height, c.width, c.kernel_height, c.kernel_width,
                 c.stride_height, c.stride_width, c.out_height, c.out_width,
                 c.pad_top + 1, c.pad_left + 1});
  return c;
}

void InputGradient(const Attributes& attributes, Call& call) {
  const float* dz = call.First();
  Shape kernel{};
  const float* y = call.Kernel(1, &kernel);
  Convolution c = WindowOf(attributes, call);
  if (!call.ok()) return;
  c.batch = call.shape().rows / c.out_pixels();
  c.channels = kernel.rows / c.taps();
  c.units = kernel.columns;
  if (!call.Agree(c.batch * c.out_pixels(), call.shape().rows) ||
      !call.Agree(c.channels * c.taps(), kernel.rows) ||
      !call.Agree(call.shape().columns, c.units)) {
    return;
  }
  float* dx = call.KernelOutput(0, {c.batch, c.pixels() * c.channels});
  if (call.ok()) SignInputGradient(c, y, dz, dx);
}

template <class Write>
void OfKernel(const Attributes& attributes, Call& call, const Write& write) {
  const float* x = call.First();
  Shape gradient{};
  const float* dz = call.Kernel(1, &gradient);
  Convolution c = WindowOf(attributes, call);
  if (!call.ok()) return;
  c.batch = call.shape().rows;
  c.channels = call.shape().columns / c.pixels();
  c.units = gradient.columns;
  if (!call.Agree(c.channels * c.pixels(), call.shape().columns) ||
      !call.Agree(c.batch * c.out_pixels(), gradient.rows)) {
    return;
  }
  float* dy = call.KernelOutput(0, {c.taps() * c.channels, c.units});
  if (call.ok()) write(c, x, dz, dy);
}

void KernelGradient(const Attributes& attributes, Call& call) {
  OfKernel(attributes, call,
           [&](const Convolution& convolution, const float* x, const float* dz,
               float* dy) {
             SignKernelGradient(convolution, attributes.step, x, dz, dy);
           });
}

void FloatKernelGradient(const Attributes& attributes, Call& call) {
  OfKernel(attributes, call, KernelGradientOfFloats);
}

void Memory(const Attributes& attributes, Call& call) {
  const float* x = call.First();
  const States shape = call.StatesOf(attributes);
  Shape kernel{};
  const float* y = call.Kernel(1, &kernel);
  float* z = call.MatrixOutput(0, true);
  if (!call.Agree(shape.columns, kernel.columns)) return;
  MemoryForward(shape, {kernel.rows, attributes.look_back}, x, y, z);
}

void MemoryGradient(const Attributes& attributes, Call& call) {
  const float* x = call.First();
  const States shape = call.StatesOf(attributes);
  Shape kernel{};
  const float* y = call.Kernel(1, &kernel);
  const float* dz = call.Matrix(2);
  float* dx = call.MatrixOutput(0, true);
  float* dy = call.KernelOutput(1, kernel);
  if (!call.Agree(shape.columns, kernel.columns) || !dz) return;
  MemoryBackward(shape, {kernel.rows, attributes.look_back}, x, y, dz, dx, dy);
}

void Adam(const Attributes&, Call& call) {
  int64_t count = 0;
  const float* gradient = call.Gradient(7, &count);
  float* weight = call.Variable(0, count);
  float* m = call.Variable(1, count);
  float* v = call.Variable(2, count);
  const AdamSettings settings{call.Scalar(3), call.Scalar(4), call.Scalar(5),
                              call.Scalar(6)};
  if (!call.ok()) return;
  AdamUpdate(count, settings, gradient, weight, m, v);
}

void* ReadAttributes(TF_OpKernelConstruction* construction) {
  auto attributes = std::make_unique<Attributes>();
  const Status status(tf.TF_NewStatus());
  const std::pair<const char*, float*> floats[] = {
      {"epsilon", &attributes->epsilon},
      {"momentum", &attributes->momentum},
      {"step", &attributes->step},
  };
  for (const auto& [name, value] : floats) {
    if (tf.TF_GetCode(status.get()) != TF_OK) break;
    tf.TF_OpKernelConstruction_GetAttrFloat(construction, name, value,
                                            status.get());
  }
  const std::pair<const char*, int64_t*> integers[] = {
      {"surrogate", &attributes->surrogate},
      {"with_residual", &attributes->residual},
      {"with_stream", &attributes->stream},
      {"with_signs", &attributes->signs},
      {"rows", &attributes->rows},
      {"variants", &attributes->variants},
      {"emphasise", &attributes->emphasise},
      {"look_back", &attributes->look_back},
      {"threads", &attributes->threads},
      {"height", &attributes->window.height},
      {"width", &attributes->window.width},
      {"kernel_height", &attributes->window.kernel_height},
      {"kernel_width", &attributes->window.kernel_width},
      {"stride_height", &attributes->window.stride_height},
      {"stride_width", &attributes->window.stride_width},
      {"pad_top", &attributes->window.pad_top},
      {"pad_left", &attributes->window.pad_left},
      {"out_height", &attributes->window.out_height},
      {"out_width", &attributes->window.out_width},
  };
  for (const auto& [name, value] : integers) {
    if (tf.TF_GetCode(status.get()) != TF_OK) break;
    tf.TF_OpKernelConstruction_GetAttrInt64(construction, name, value,
                                            status.get());
  }
  if (tf.TF_GetCode(status.get()) != TF_OK) {
    tf.TF_OpKernelConstruction_Failure(construction, status.get());
  }
  return attributes.release();
}

template <void (*Function)(const Attributes&, Call&)>
void Compute(void* attributes, TF_OpKernelContext* context) {
  Call call(context);
  Function(*static_cast<const Attributes*>(attributes), call);
}

// Inputs named in `variables` come first.
template <void (*Function)(const Attributes&, Call&)>
void Register(const char* name, std::initializer_list<const char*> inputs,
              std::initializer_list<const char*> outputs,
              std::initializer_list<const char*> variables = {}) {
  TF_OpDefinitionBuilder* op = tf.TF_NewOpDefinitionBuilder(name);
  for (const char* variable : variables) {
    tf.TF_OpDefinitionBuilderAddInput(
        op, (std::string(variable) + ": resource").c_str());
  }
  if (variables.size()) tf.TF_OpDefinitionBuilderSetIsStateful(op, true);
  for (const char* input : inputs) {
    tf.TF_OpDefinitionBuilderAddInput(op,
                                      (std::string(input) + ": float").c_str());
  }
  for (const char* output : outputs) {
    tf.TF_OpDefinitionBuilderAddOutput(
        op, (std::string(output) + ": float").c_str());
  }
  for (const char* attribute : {"epsilon", "momentum", "step"}) {
    tf.TF_OpDefinitionBuilderAddAttr(
        op, (std::string(attribute) + ": float = 0.0").c_str());
  }
  for (const char* attribute :
       {"surrogate", "with_residual", "with_stream", "with_signs", "emphasise",
        "look_back", "pad_top", "pad_left"}) {
    tf.TF_OpDefinitionBuilderAddAttr(
        op, (std::string(attribute) + ": int = 0").c_str());
  }
  for (const char* attribute :
       {"rows", "variants", "threads", "height", "width", "kernel_height",
        "kernel_width", "stride_height", "stride_width", "out_height",
        "out_width"}) {
    tf.TF_OpDefinitionBuilderAddAttr(
        op, (std::string(attribute) + ": int = 1").c_str());
  }
  // Python knows the shapes.
  tf.TF_OpDefinitionBuilderSetShapeInferenceFunction(
      op, [](TF_ShapeInferenceContext* context, TF_Status* status) {
        tf.TF_ShapeInferenceContextSetUnknownShape(context, status);
      });
  const Status status(tf.TF_NewStatus());
  tf.TF_RegisterOpDefinition(op, status.get());
  TF_KernelBuilder* kernel = tf.TF_NewKernelBuilder(
      name, "CPU", ReadAttributes, Compute<Function>,
      [](void* attributes) { delete static_cast<Attributes*>(attributes); });
  tf.TF_RegisterKernelBuilder(name, kernel, status.get());
}

// Without its TensorFlow the library registers nothing, which Python notices.
const bool kRegistered = [] {
  if (!FindTensorFlow()) return false;
  Register<Epilogue>("BifsmnEpilogue",
                     {"z", "residual", "gamma", "beta", "slope", "threshold",
                      "moving_mean", "moving_variance"},
                     {"stream_out", "signs_out", "mean", "inverse",
                      "moved_mean", "moved_variance"});
  Register<EpilogueGradient>(
      "BifsmnEpilogueGradient",
      {"z", "stream_in", "gamma", "beta", "slope", "threshold", "mean",
       "inverse", "dstream", "dsigns"},
      {"dz", "dresidual", "dgamma", "dbeta", "dslope", "dthreshold"});
  Register<Sign>("BifsmnSign", {"y", "threshold"}, {"signs_out"});
  Register<SignGradient>("BifsmnSignGradient", {"y", "threshold", "dsigns"},
                         {"dy", "dthreshold"});
  Register<Affine>("BifsmnAffine", {"z", "offset", "slope", "residual"}, {"y"});
  Register<Maps>("BifsmnAttentionMaps", {"states"}, {"maps"});
  Register<Distances>("BifsmnAttentionDistance", {"states", "maps"},
                      {"distances"});
  Register<DistancesGradient>("BifsmnAttentionDistanceGradient",
                              {"states", "maps", "ddistances"}, {"dstates"});
  Register<ScaledSign>("BifsmnScaledSign", {"w"}, {"y", "alpha"});
  Register<ScaledSignGradient>("BifsmnScaledSignGradient", {"w", "alpha", "dy"},
                               {"dw"});
  Register<Memory>("BifsmnMemory", {"x", "y"}, {"z"});
  Register<MemoryGradient>("BifsmnMemoryGradient", {"x", "y", "dz"},
                           {"dx", "dy"});
  Register<Adam>("BifsmnAdam",
                 {"rate", "smallest", "beta1", "beta2", "gradient"}, {},
                 {"weight", "m", "v"});
  Register<InputGradient>("BifsmnSignInputGradient", {"dz", "y"}, {"dx"});
  Register<KernelGradient>("BifsmnSignKernelGradient", {"x", "dz"}, {"dy"});
  Register<FloatKernelGradient>("BifsmnKernelGradient", {"x", "dz"}, {"dy"});
  // Where counting bits is slower, Python multiplies floats.
  if (SignProductIsFast()) {
    Register<Product>("BifsmnSignProduct", {"x", "y"}, {"z"});
  }
  return true;
}();

}  // namespace
}  // namespace bifsmn::training

// What Python asks of the library itself: the level of instructions that it
// uses, and what is wrong with BIFSMN_ISA, or "".
extern "C" __attribute__((visibility("default"))) const char*
bifsmn_training_isa() {
  return bifsmn::Isa().c_str();
}

extern "C" __attribute__((visibility("default"))) const char*
bifsmn_training_isa_fault() {
  static const std::string fault = bifsmn::IsaFault();
  return fault.c_str();
}
