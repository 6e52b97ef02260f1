// From Status and exceptions to what C knows.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_ERRORS_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_ERRORS_H_

#include <cstdio>
#include <exception>
#include <new>

#include "custom_ops/ops/status.h"

namespace bifsmn {

// A caller's buffer for a message; may be null.
struct ErrorText {
  char* text;
  size_t bytes;

  void Set(const char* message) const {
    if (text != nullptr && bytes > 0) {
      std::snprintf(text, bytes, "%s", message);
    }
  }
};

// Runs `action`, which gives a Status, and tells what went wrong. No exception
// may reach a caller in C.
template <typename Action>
bool Succeeds(const ErrorText& error, const Action& action) noexcept {
  try {
    const Status status = action();
    if (status.ok()) {
      error.Set("");
      return true;
    }
    error.Set(status.message().c_str());
  } catch (const std::bad_alloc&) {
    error.Set("out of memory");
  } catch (const std::exception& exception) {
    error.Set(exception.what());
  } catch (...) {
    error.Set("an exception of an unknown kind");
  }
  return false;
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_ERRORS_H_
