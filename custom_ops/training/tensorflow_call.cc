#include "custom_ops/training/tensorflow_call.h"

#include <dlfcn.h>

namespace bifsmn::training {
namespace {

constexpr char kTensorFlowLibrary[] = "libtensorflow_framework.so.2";

}  // namespace

TensorFlow tf{};

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

}  // namespace bifsmn::training
