// Success, or a message that says what is wrong.

#ifndef BIFSMN_CUSTOM_OPS_OPS_STATUS_H_
#define BIFSMN_CUSTOM_OPS_OPS_STATUS_H_

#include <string>
#include <utility>

namespace bifsmn {

class [[nodiscard]] Status {
 public:
  Status() = default;

  // A failure with a message in printf's format.
  __attribute__((format(printf, 1, 2))) static Status Error(const char* format,
                                                            ...);

  bool ok() const { return message_.empty(); }
  const std::string& message() const { return message_; }

  // The same failure, told to be of `place`.
  Status In(const std::string& place) const {
    return ok() ? *this : Status(place + ": " + message_);
  }

 private:
  explicit Status(std::string message) : message_(std::move(message)) {}

  std::string message_;
};

}  // namespace bifsmn

#define BIFSMN_RETURN_IF_ERROR(expression)         \
  do {                                             \
    ::bifsmn::Status bifsmn_status = (expression); \
    if (!bifsmn_status.ok()) return bifsmn_status; \
  } while (false)

#endif  // BIFSMN_CUSTOM_OPS_OPS_STATUS_H_
