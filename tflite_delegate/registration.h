// The ops one by one, for programs that register them with an interpreter of
// their own instead of loading the delegate.

#ifndef BIFSMN_TFLITE_DELEGATE_REGISTRATION_H_
#define BIFSMN_TFLITE_DELEGATE_REGISTRATION_H_

#include "custom_ops/ops/op.h"
#include "tflite_delegate/tflite_abi.h"

namespace bifsmn {

template <const OpDefinition& kDefinition>
TfLiteRegistration* Registration();

extern template TfLiteRegistration* Registration<kQuantConv2DOp>();
extern template TfLiteRegistration* Registration<kConv2DOp>();
extern template TfLiteRegistration* Registration<kConv2DAddOp>();
extern template TfLiteRegistration* Registration<kMemoryOp>();
extern template TfLiteRegistration* Registration<kDenseOp>();
extern template TfLiteRegistration* Registration<kLogMelOp>();
extern template TfLiteRegistration* Registration<kFloatConv2DOp>();
extern template TfLiteRegistration* Registration<kInt8Conv2DOp>();

}  // namespace bifsmn

#endif  // BIFSMN_TFLITE_DELEGATE_REGISTRATION_H_
