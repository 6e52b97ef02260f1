// What libbifsmn.so exports.

#ifndef BIFSMN_TFLITE_DELEGATE_PLUGIN_H_
#define BIFSMN_TFLITE_DELEGATE_PLUGIN_H_

#include <stddef.h>

#include "custom_ops/ops/op_list.h"

#define BIFSMN_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

struct TfLiteDelegate;
struct TfLiteRegistration;

// The entry points of an external delegate, which runtimes look for by name.
// There are no options: any is refused, through `report_error`, with a null
// result.
BIFSMN_EXPORT struct TfLiteDelegate* tflite_plugin_create_delegate(
    const char* const* keys, const char* const* values, size_t options,
    void (*report_error)(const char* message));
BIFSMN_EXPORT void tflite_plugin_destroy_delegate(
    struct TfLiteDelegate* delegate);

// The ops for TfLiteInterpreterOptionsAddCustomOp or a C++ MutableOpResolver,
// under the name that a registration carries: BifsmnRegister_Conv2D() and so
// on, one for each op of op_list.h. They live as long as the library.
#define BIFSMN_DECLARE_REGISTER(op) \
  BIFSMN_EXPORT struct TfLiteRegistration* BifsmnRegister_##op(void);
BIFSMN_OPS(BIFSMN_DECLARE_REGISTER)
#undef BIFSMN_DECLARE_REGISTER

// The ops' names, versions, attributes, inputs and outputs, as JSON.
BIFSMN_EXPORT const char* bifsmn_contract(void);

// Begins (1) or ends (0) measuring how long each op of the networks that run
// takes; what was measured before is forgotten.
BIFSMN_EXPORT void bifsmn_profile_enable(int enable);

// What was measured, as JSON: a list of {"step", "op", "runs", "nanoseconds"}.
// Valid until the next call, by one thread at a time.
BIFSMN_EXPORT const char* bifsmn_profile_json(void);

// Names of the kernels that run on this processor, separated by commas; within
// a family, fastest first. The environment variable BIFSMN_KERNELS puts others
// first; if it has a name that is not among these, no delegate is created.
BIFSMN_EXPORT const char* bifsmn_kernels(void);

// The level of instructions that kernels may use: the environment variable
// BIFSMN_ISA's, as it was when the library was first used, or else the highest
// that the processor has. If there is no such level here, no delegate is
// created.
BIFSMN_EXPORT const char* bifsmn_isa(void);

// The levels that this processor has, separated by commas, least first.
BIFSMN_EXPORT const char* bifsmn_isa_levels(void);

// The project's version.
BIFSMN_EXPORT const char* bifsmn_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // BIFSMN_TFLITE_DELEGATE_PLUGIN_H_
