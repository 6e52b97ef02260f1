#include "custom_ops/ops/status.h"

#include <cstdarg>
#include <cstdio>

namespace bifsmn {

Status Status::Error(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return Status(text);
}

}  // namespace bifsmn
