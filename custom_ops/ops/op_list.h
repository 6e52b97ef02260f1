// The ops, each named once. What has to know all of them follows from here: the
// definitions (op.h), the exported functions (tflite_delegate/plugin.h) with
// their test, and the fuzzer, which does not link until it describes them
// (tests/fuzz/op_describer.h).
//
// BIFSMN_OPS(X) is X(QuantConv2D) X(FloatConv2D) and so on. An op Name is
// called BifsmnName in a model file, is defined by kNameOp in the file of its
// name in this folder, and is registered by BifsmnRegister_Name(). Plain C, for
// plugin.h.

#ifndef BIFSMN_CUSTOM_OPS_OPS_OP_LIST_H_
#define BIFSMN_CUSTOM_OPS_OPS_OP_LIST_H_

#define BIFSMN_OPS(X) \
  X(QuantConv2D)      \
  X(FloatConv2D)      \
  X(Int8Conv2D)       \
  X(Conv2D)           \
  X(Conv2DAdd)        \
  X(Memory)           \
  X(Dense)            \
  X(LogMel)           \
  X(History)          \
  X(State)

#endif  // BIFSMN_CUSTOM_OPS_OPS_OP_LIST_H_
