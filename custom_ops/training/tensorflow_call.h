// One call of an op by TensorFlow: its attributes, inputs and outputs, checked.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_TENSORFLOW_CALL_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_TENSORFLOW_CALL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>

#include "custom_ops/training/attention.h"
#include "custom_ops/training/convolution.h"
#include "custom_ops/training/epilogue.h"
#include "custom_ops/training/tensorflow_abi.h"

namespace bifsmn::training {

// The TensorFlow of this process, once FindTensorFlow has succeeded.
extern TensorFlow tf;
bool FindTensorFlow();

struct Attributes {
  float epsilon = 0;
  float momentum = 0;
  float step = 0;
  int64_t surrogate = 0;
  int64_t residual = 0;
  int64_t stream = 0;
  int64_t signs = 0;
  int64_t rows = 1;
  int64_t variants = 1;
  int64_t emphasise = 0;
  int64_t look_back = 0;
  int64_t threads = 1;
  Convolution window{};
};

// Of an image or a kernel, and so that products of four do not overflow.
constexpr int64_t kLargestSize = int64_t{1} << 15;

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

  // Whether sizes are what images and kernels have; an error if not.
  bool Possible(std::initializer_list<int64_t> sizes) {
    for (const int64_t size : sizes) {
      if (ok() && (size < 1 || size > kLargestSize)) {
        Fail("a size of the convolution is impossible");
      }
    }
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

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_TENSORFLOW_CALL_H_
