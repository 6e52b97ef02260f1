// The external delegate: runs every op of the project in a stock runtime.

#ifndef BIFSMN_TFLITE_DELEGATE_DELEGATE_H_
#define BIFSMN_TFLITE_DELEGATE_DELEGATE_H_

#include "tflite_delegate/tflite_abi.h"

namespace bifsmn {

// Makes a delegate that takes every node whose op's name starts with "Bifsmn"
// out of the runtime's hands; release it with `delete`.
TfLiteDelegate* MakeDelegate();

}  // namespace bifsmn

#endif  // BIFSMN_TFLITE_DELEGATE_DELEGATE_H_
