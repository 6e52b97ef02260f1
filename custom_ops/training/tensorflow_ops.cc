// The loops of this folder as TensorFlow ops, registered when this library is
// loaded. What they compute and how they are called: their headers and
// bifsmn_tf/network/fused.py.
//
// Inputs are matrices [rows, columns] and vectors [columns]; one that is not
// wanted is empty, and so is an output that nobody wants.

#include <dlfcn.h>

#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "custom_ops/training/adam.h"
#include "custom_ops/training/attention.h"
#include "custom_ops/training/epilogue.h"
#include "custom_ops/training/memory.h"
#include "custom_ops/training/scaled_sign.h"
#include "custom_ops/training/sign_product.h"
#include "custom_ops/training/tensorflow_abi.h"

namespace bifsmn::training {
namespace {

constexpr char kTensorFlowLibrary[] = "libtensorflow_framework.so.2";

TensorFlow tf{};

// Finds the TensorFlow of this process.
bool FindTensorFlow() {
  void* library = dlopen(kTensorFlowLibrary, RTLD_NOW | RTLD_NOLOAD);
  if (!library) return false;
  bool complete = true;
#define BIFSMN_FIND(name)                                               \
  tf.name = reinterpret_cast<decltype(tf.name)>(dlsym(library, #name)); \
  complete = complete && tf.name;
  BIFSMN_TENSORFLOW_FUNCTIONS(BIFSMN_FIND)
#undef BIFSMN_FIND
  return complete;
}

struct Attributes {
  float epsilon = 0;
  float momentum = 0;
  int64_t surrogate = 0;
  int64_t residual = 0;
  int64_t stream = 0;
  int64_t signs = 0;
  int64_t rows = 1;
  int64_t variants = 1;
  int64_t emphasise = 0;
  int64_t look_back = 0;
  int64_t threads = 1;
};

struct StatusDeleter {
  void operator()(TF_Status* status) const { tf.TF_DeleteStatus(status); }
};
using Status = std::unique_ptr<TF_Status, StatusDeleter>;

struct TensorDeleter {
  void operator()(TF_Tensor* tensor) const { tf.TF_DeleteTensor(tensor); }
};
using Tensor = std::unique_ptr<TF_Tensor, TensorDeleter>;

// One call of an op. After the first thing that is wrong, it holds an error and
// hands out null pointers.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context)
      : context_(context), status_(tf.TF_NewStatus()) {}

  ~Call() {
    if (!ok()) tf.TF_OpKernelContext_Failure(context_, status_.get());
  }

  bool ok() const { return tf.TF_GetCode(status_.get()) == TF_OK; }

  // The matrix that all others are like.
  const float* First() {
    const Tensor tensor = Input(0);
    if (!ok()) return nullptr;
    if (tf.TF_NumDims(tensor.get()) != 2 || tf.TF_Dim(tensor.get(), 0) < 1 ||
        tf.TF_Dim(tensor.get(), 1) < 1) {
      return Fail("the first input is no matrix");
    }
    shape_ = {tf.TF_Dim(tensor.get(), 0), tf.TF_Dim(tensor.get(), 1)};
    return Data(tensor.get());
  }

  // A matrix like the first, or null if it is empty.
  const float* Matrix(int index) {
    return Like(index, shape_.rows * shape_.columns, true);
  }

  const float* Vector(int index) { return Like(index, shape_.columns, false); }

  float* MatrixOutput(int index, bool wanted) {
    const int64_t sizes[] = {wanted ? shape_.rows : 0, shape_.columns};
    return Output(index, sizes, 2);
  }

  float* VectorOutput(int index) { return Output(index, &shape_.columns, 1); }

  // A matrix of its own size.
  const float* Kernel(int index, Shape* shape) {
    const Tensor tensor = Input(index);
    if (!ok()) return nullptr;
    if (tf.TF_NumDims(tensor.get()) != 2 || tf.TF_Dim(tensor.get(), 0) < 1 ||
        tf.TF_Dim(tensor.get(), 1) < 1) {
      return Fail("the kernel is no matrix");
    }
    *shape = {tf.TF_Dim(tensor.get(), 0), tf.TF_Dim(tensor.get(), 1)};
    return Data(tensor.get());
  }

  float* KernelOutput(int index, Shape shape) {
    const int64_t sizes[] = {shape.rows, shape.columns};
    return Output(index, sizes, 2);
  }

  // Whether two sizes are the same; an error if not.
  bool Agree(int64_t mine, int64_t kernels) {
    if (ok() && mine != kernels) Fail("the kernel does not fit the inputs");
    return ok();
  }

  // What has a size of its own.
  const float* Elements(int index, int64_t count) {
    return Like(index, count, false);
  }

  float* MatrixOutputOf(int index, int64_t columns) {
    const int64_t sizes[] = {shape_.rows, columns};
    return Output(index, sizes, 2);
  }

  float Scalar(int index) {
    const float* value = Like(index, 1, false);
    return value ? *value : 0;
  }

  // A gradient, and its size, which the variables have.
  const float* Gradient(int index, int64_t* count) {
    const Tensor tensor = Input(index);
    if (!ok()) return nullptr;
    *count = tf.TF_TensorElementCount(tensor.get());
    return Data(tensor.get());
  }

  // A variable, to be changed where it is.
  float* Variable(int index, int64_t count) {
    TF_Tensor* found = nullptr;
    if (ok()) {
      tf.TF_GetInputTensorFromVariable(context_, index, false, false, false,
                                       CopyTensor, &found, status_.get());
    }
    const Tensor tensor(found);
    if (!ok()) return nullptr;
    if (tf.TF_TensorElementCount(tensor.get()) != count) {
      return Fail("a variable and its gradient differ in size");
    }
    return Data(tensor.get());
  }

  // Rows of the first input as states, or an error.
  States StatesOf(const Attributes& attributes) {
    const int64_t parts = attributes.rows * attributes.variants;
    if (ok() && (parts < 1 || shape_.columns % parts)) {
      Fail("rows and variants do not divide the states");
    }
    if (!ok()) return {};
    return {shape_.rows, attributes.rows, attributes.variants,
            shape_.columns / parts};
  }

  Shape shape() const { return shape_; }

 private:
  static float* Data(const TF_Tensor* tensor) {
    return static_cast<float*>(tf.TF_TensorData(tensor));
  }

  static void CopyTensor(TF_OpKernelContext*, TF_Tensor* source,
                         TF_Tensor* target) {
    const Tensor from(source), to(target);
    std::memcpy(Data(to.get()), Data(from.get()),
                static_cast<size_t>(tf.TF_TensorElementCount(from.get())) *
                    sizeof(float));
  }

  std::nullptr_t Fail(const char* message) {
    tf.TF_SetStatus(status_.get(), TF_INVALID_ARGUMENT, message);
    return nullptr;
  }

  Tensor Input(int index) {
    TF_Tensor* tensor = nullptr;
    if (ok()) tf.TF_GetInput(context_, index, &tensor, status_.get());
    return Tensor(tensor);
  }

  // TensorFlow keeps an input's memory for as long as the call takes.
  const float* Like(int index, int64_t elements, bool optional) {
    const Tensor tensor = Input(index);
    if (!ok()) return nullptr;
    const int64_t found = tf.TF_TensorElementCount(tensor.get());
    if (optional && found == 0) return nullptr;
    if (found != elements) {
      return Fail(("input " + std::to_string(index) + " has " +
                   std::to_string(found) + " elements, not " +
                   std::to_string(elements))
                      .c_str());
    }
    return Data(tensor.get());
  }

  float* Output(int index, const int64_t* sizes, int rank) {
    if (!ok()) return nullptr;
    size_t bytes = sizeof(float);
    for (int i = 0; i < rank; ++i) bytes *= static_cast<size_t>(sizes[i]);
    const Tensor tensor(tf.TF_AllocateOutput(context_, index, TF_FLOAT, sizes,
                                             rank, bytes, status_.get()));
    if (!ok()) return nullptr;
    return bytes ? Data(tensor.get()) : nullptr;
  }

  TF_OpKernelContext* context_;
  Status status_;
  Shape shape_{};
};

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
  tf.TF_OpKernelConstruction_GetAttrFloat(construction, "epsilon",
                                          &attributes->epsilon, status.get());
  if (tf.TF_GetCode(status.get()) == TF_OK) {
    tf.TF_OpKernelConstruction_GetAttrFloat(
        construction, "momentum", &attributes->momentum, status.get());
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
  for (const char* attribute : {"epsilon", "momentum"}) {
    tf.TF_OpDefinitionBuilderAddAttr(
        op, (std::string(attribute) + ": float = 0.0").c_str());
  }
  for (const char* attribute : {"surrogate", "with_residual", "with_stream",
                                "with_signs", "emphasise", "look_back"}) {
    tf.TF_OpDefinitionBuilderAddAttr(
        op, (std::string(attribute) + ": int = 0").c_str());
  }
  for (const char* attribute : {"rows", "variants", "threads"}) {
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
  // Where counting bits is slower, Python multiplies floats.
  if (SignProductIsFast()) {
    Register<Product>("BifsmnSignProduct", {"x", "y"}, {"z"});
  }
  return true;
}();

}  // namespace
}  // namespace bifsmn::training
