#include "custom_ops/engine/json.h"

#include <locale.h>
#include <stdlib.h>

#include <cctype>
#include <cmath>
#include <cstdint>

namespace bifsmn {
namespace {

// Whatever the program's locale, JSON has decimal points.
double ReadNumber(const std::string& text, bool* whole) {
  static const locale_t locale = newlocale(LC_ALL_MASK, "C", nullptr);
  char* end = nullptr;
  const double value = strtod_l(text.c_str(), &end, locale);
  *whole = !text.empty() && *end == '\0' && std::isfinite(value);
  return value;
}

void AppendUtf8(uint32_t code, std::string* text) {
  const auto put = [text](uint32_t byte) {
    text->push_back(static_cast<char>(byte));
  };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
}

}  // namespace

class Json::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  // Whether the text is one value and nothing else.
  bool Parse(Json* value) {
    if (!Value(0, value)) return false;
    Skip();
    return at_ == text_.size();
  }

 private:
  static constexpr int kMostDepth = 32;

  void Skip() {
    while (at_ < text_.size() && std::isspace(Byte())) ++at_;
  }

  unsigned char Byte() const { return static_cast<unsigned char>(text_[at_]); }

  // Whether `expected` comes next; goes behind it.
  bool Take(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  bool Value(int depth, Json* value) {
    Skip();
    if (depth > kMostDepth || at_ == text_.size()) return false;
    switch (text_[at_]) {
      case '{':
        return Object(depth, value);
      case '[':
        return List(depth, value);
      case '"':
        value->type_ = Type::kText;
        return Text(&value->text_);
      default:
        return Word(value);
    }
  }

  bool Word(Json* value) {
    if (Take("null")) return true;
    value->type_ = Type::kBool;
    value->number_ = 1;
    if (Take("true")) return true;
    value->number_ = 0;
    if (Take("false")) return true;
    value->type_ = Type::kNumber;
    std::string number;
    while (at_ < text_.size() &&
           (std::isdigit(Byte()) || Byte() == '-' || Byte() == '+' ||
            Byte() == '.' || Byte() == 'e' || Byte() == 'E')) {
      number.push_back(text_[at_++]);
    }
    bool whole;
    value->number_ = ReadNumber(number, &whole);
    return whole;
  }

  bool List(int depth, Json* value) {
    value->type_ = Type::kList;
    Take("[");
    Skip();
    if (Take("]")) return true;
    do {
      value->list_.emplace_back();
      if (!Value(depth + 1, &value->list_.back())) return false;
      Skip();
    } while (Take(","));
    return Take("]");
  }

  bool Object(int depth, Json* value) {
    value->type_ = Type::kObject;
    Take("{");
    Skip();
    if (Take("}")) return true;
    do {
      value->members_.emplace_back();
      auto& [name, member] = value->members_.back();
      Skip();
      if (!Text(&name)) return false;
      Skip();
      if (!Take(":") || !Value(depth + 1, &member)) return false;
      Skip();
    } while (Take(","));
    return Take("}");
  }

  bool Text(std::string* text) {
    if (!Take("\"")) return false;
    while (at_ < text_.size()) {
      const char next = text_[at_++];
      if (next == '"') return true;
      if (next != '\\') {
        text->push_back(next);
      } else if (!Escape(text)) {
        return false;
      }
    }
    return false;
  }

  bool Escape(std::string* text) {
    if (at_ == text_.size()) return false;
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char name = text_[at_++];
    if (name != 'u') {
      const size_t number = kNames.find(name);
      if (number == std::string_view::npos) return false;
      text->push_back(kMeanings[number]);
      return true;
    }
    uint32_t code;
    if (!Hexadecimal(&code)) return false;
    if (code >= 0xd800 && code < 0xdc00) {
      uint32_t low;
      if (!Take("\\u") || !Hexadecimal(&low) || low < 0xdc00 || low > 0xdfff) {
        return false;
      }
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    AppendUtf8(code, text);
    return true;
  }

  bool Hexadecimal(uint32_t* code) {
    *code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == text_.size() || !std::isxdigit(Byte())) return false;
      const int digit =
          std::isdigit(Byte()) ? Byte() - '0' : std::tolower(Byte()) - 'a' + 10;
      *code = *code << 4 | static_cast<uint32_t>(digit);
    }
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

Status Json::Parse(std::string_view text, Json* value) {
  *value = Json();
  if (Parser(text).Parse(value)) return Status();
  return Status::Error("what it says of itself is no JSON");
}

const Json* Json::Find(std::string_view name) const {
  for (const auto& [key, value] : members_) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace bifsmn
