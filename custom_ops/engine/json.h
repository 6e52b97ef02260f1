// Reads JSON: the description in a model file.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_JSON_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_JSON_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "custom_ops/ops/status.h"

namespace bifsmn {

// A value, with those inside of it.
class Json {
 public:
  enum class Type { kNull, kBool, kNumber, kText, kList, kObject };

  static Status Parse(std::string_view text, Json* value);

  Type type() const { return type_; }
  double number() const { return number_; }
  bool boolean() const { return number_ != 0; }
  const std::string& text() const { return text_; }
  const std::vector<Json>& list() const { return list_; }

  // Of an object: its members in the order of the text.
  const std::vector<std::pair<std::string, Json>>& members() const {
    return members_;
  }

  // The member of that name, or null; of what is no object too.
  const Json* Find(std::string_view name) const;

 private:
  class Parser;

  Type type_ = Type::kNull;
  double number_ = 0;
  std::string text_;
  std::vector<Json> list_;
  std::vector<std::pair<std::string, Json>> members_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_JSON_H_
