#include "tflite_delegate/plugin.h"

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "custom_ops/engine/profile.h"
#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/kernel_names.h"
#include "custom_ops/ops/op.h"
#include "tflite_delegate/delegate.h"
#include "tflite_delegate/tflite_abi.h"

// setup.py gives the version as a macro; Bazel generates the header.
#ifndef BIFSMN_VERSION
#include "tflite_delegate/version.h"
#endif

namespace {

std::string Joined(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) {
    joined += (joined.empty() ? "" : ",") + name;
  }
  return joined;
}

}  // namespace

TfLiteDelegate* tflite_plugin_create_delegate(
    const char* const* keys, const char* const*, size_t options,
    void (*report_error)(const char*)) {
  char message[256];
  try {
    const std::string fault = bifsmn::KernelChoiceFault();
    if (options == 0 && fault.empty()) return bifsmn::MakeDelegate();
    if (options != 0) {
      std::snprintf(message, sizeof(message),
                    "the BiFSMN delegate has no option '%s'; it takes none",
                    keys != nullptr && keys[0] != nullptr ? keys[0] : "");
    } else {
      std::snprintf(message, sizeof(message), "%s", fault.c_str());
    }
  } catch (const std::exception& exception) {
    std::snprintf(message, sizeof(message), "the BiFSMN delegate: %s",
                  exception.what());
  }
  if (report_error != nullptr) report_error(message);
  return nullptr;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) {
  delete delegate;
}

const char* bifsmn_contract() {
  static const std::string json = bifsmn::ContractJson();
  return json.c_str();
}

const char* bifsmn_kernels() {
  static const std::string names = Joined(bifsmn::KernelNames());
  return names.c_str();
}

const char* bifsmn_isa() { return bifsmn::Isa().c_str(); }

const char* bifsmn_isa_levels() {
  static const std::string names = Joined(bifsmn::IsaLevels());
  return names.c_str();
}

void bifsmn_profile_enable(int enable) { bifsmn::Profile::Enable(enable != 0); }

const char* bifsmn_profile_json() {
  static std::string json;
  json = bifsmn::Profile::Json();
  return json.c_str();
}

const char* bifsmn_version() { return BIFSMN_VERSION; }
