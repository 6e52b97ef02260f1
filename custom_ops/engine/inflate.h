// Inflates zlib's format (RFC 1950, 1951), as the metadata of a model file is.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_INFLATE_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_INFLATE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "custom_ops/ops/status.h"

namespace bifsmn {

// Inflates a whole stream, with nothing behind it, of at most `most_bytes`.
Status Inflate(std::string_view deflated, size_t most_bytes, std::string* text);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_INFLATE_H_
