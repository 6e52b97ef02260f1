// Taps are added up as bits, by a carry-save adder over 128 channels. Then a
// mask register turns each bit of 32 sums into 16-bit lanes. Steps are the
// inner loop, so that the parameters of the stream are loaded once for eight.

#include "custom_ops/kernels/memory.h"

#ifdef __x86_64__

#include <cstddef>
#include <cstring>

#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/memory_taps.h"
#include "custom_ops/kernels/short_stream_avx512.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl")

namespace bifsmn {
namespace {

constexpr int kTileSteps = 8;
constexpr int kTileChannels = 32;

// Words whose taps are added at a time.
constexpr int kChunkWords = 8;
constexpr int kChunkChannels = kChunkWords * kWordBits;

// Bits of a sum of up to 7 taps, and of any.
constexpr int kFewPlanes = 3;
constexpr int kManyPlanes = 14;

// The disagreements of a chunk of channels at one step.
template <int kPlanes>
struct Sums {
  int taps;
  // Bit b of every sum.
  alignas(16) uint32_t planes[kPlanes][kChunkChannels / kTileChannels];
};

struct Sequence {
  const Word* bits;
  const Word* weights;
  const MemoryGeometry& geometry;
};

template <int kPlanes>
BIFSMN_INLINE void AddTaps(const Sequence& sequence, const MemoryTaps& taps,
                           int word, Sums<kPlanes>* sums) {
  const MemoryGeometry& g = sequence.geometry;
  const ptrdiff_t words = WordsFor(g.channels);
  const ptrdiff_t left = words - word;
  const __mmask8 mask =
      static_cast<__mmask8>(left >= kChunkWords ? 0xff : (1 << left) - 1);
  const Word* seen = sequence.bits + taps.Source(taps.begin()) * words + word;
  const Word* weight = sequence.weights + taps.begin() * words + word;
  __m128i planes[kPlanes];
  BIFSMN_UNROLL(16)
  for (int b = 0; b < kPlanes; ++b) planes[b] = _mm_setzero_si128();
  for (int tap = taps.begin(); tap < taps.end(); ++tap) {
    __m128i carry = _mm_xor_si128(_mm_maskz_loadu_epi16(mask, seen),
                                  _mm_maskz_loadu_epi16(mask, weight));
    BIFSMN_UNROLL(16)
    for (int b = 0; b < kPlanes; ++b) {
      const __m128i sum = _mm_xor_si128(planes[b], carry);
      carry = _mm_and_si128(planes[b], carry);
      planes[b] = sum;
    }
    seen += words * (tap < g.look_back ? g.stride_back : g.stride_ahead);
    weight += words;
  }
  sums->taps = taps.count();
  BIFSMN_UNROLL(16)
  for (int b = 0; b < kPlanes; ++b) {
    _mm_store_si128(reinterpret_cast<__m128i*>(sums->planes[b]), planes[b]);
  }
}

// (taps - 2 * sum) << shift of the 32 channels of a plane's word.
template <int kPlanes>
BIFSMN_INLINE __m512i ShiftedDots(const Sums<kPlanes>& sums, int word,
                                  int shift) {
  __m512i dots = _mm512_set1_epi16(static_cast<int16_t>(sums.taps << shift));
  BIFSMN_UNROLL(16)
  for (int b = 0; b < kPlanes; ++b) {
    const __m512i weight =
        _mm512_set1_epi16(static_cast<int16_t>(2 << b << shift));
    dots = _mm512_mask_sub_epi16(dots, _cvtu32_mask32(sums.planes[b][word]),
                                 dots, weight);
  }
  return dots;
}

// Calls epilogue of every 32 channels: first their Columns, then Take for every
// step.
template <int kPlanes, typename Epilogue>
void ForEachTile(const Sequence& sequence, int first, int last,
                 const Epilogue& epilogue) {
  const int channels = sequence.geometry.channels;
  Sums<kPlanes> sums[kTileSteps];
  for (int block = first; block < last; block += kTileSteps) {
    const int steps = last - block < kTileSteps ? last - block : kTileSteps;
    for (int chunk = 0; chunk < channels; chunk += kChunkChannels) {
      MemoryTaps taps(sequence.geometry, block);
      for (int i = 0; i < steps; ++i, taps.Next()) {
        AddTaps(sequence, taps, chunk / kWordBits, &sums[i]);
      }
      int channel = chunk;
      for (int word = 0; word < kChunkChannels / kTileChannels; ++word) {
        const int left = channels - channel;
        if (left <= 0) break;
        const typename Epilogue::Columns columns(
            epilogue, channel, left < kTileChannels ? left : kTileChannels);
        for (int i = 0; i < steps; ++i) {
          epilogue.Take(columns, block + i, channel,
                        ShiftedDots(sums[i], word, epilogue.shift()));
        }
        channel += kTileChannels;
      }
    }
  }
}

template <typename Epilogue>
void Run(const Sequence& sequence, int first, int last,
         const Epilogue& epilogue) {
  if (sequence.geometry.taps() < 1 << kFewPlanes) {
    ForEachTile<kFewPlanes>(sequence, first, last, epilogue);
  } else {
    ForEachTile<kManyPlanes>(sequence, first, last, epilogue);
  }
}

class StoreDots {
 public:
  StoreDots(int channels, int first, int16_t* dots)
      : row_stride_(MemoryRowStride(channels)), first_(first), dots_(dots) {}

  struct Columns {
    Columns(const StoreDots&, int, int count) : two_words(count > kWordBits) {}

    bool two_words;
  };

  int shift() const { return 0; }

  BIFSMN_INLINE void Take(const Columns& columns, int step, int channel,
                          __m512i dots) const {
    int16_t* to =
        dots_ + static_cast<ptrdiff_t>(step - first_) * row_stride_ + channel;
    if (columns.two_words) {
      _mm512_storeu_si512(to, dots);
    } else {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                          _mm512_castsi512_si256(dots));
    }
  }

 private:
  const int row_stride_;
  const int first_;
  int16_t* const dots_;
};

class AddToStream {
 public:
  AddToStream(int channels, const ShortStream& parameters,
              const int16_t* residual, int16_t* stream, Word* signs)
      : channels_(channels),
        row_words_(WordsFor(channels)),
        parameters_(parameters),
        residual_(residual),
        stream_(stream),
        signs_(signs) {}

  struct Columns {
    BIFSMN_INLINE Columns(const AddToStream& epilogue, int channel, int count)
        : count(count),
          mask(static_cast<__mmask32>(0xffffffff >> (kTileChannels - count))),
          parameters(epilogue.parameters_, channel, mask) {}

    int count;
    __mmask32 mask;
    ShortStreamAvx512 parameters;
  };

  int shift() const { return parameters_.shift; }

  BIFSMN_INLINE void Take(const Columns& columns, int step, int channel,
                          __m512i shifted) const {
    const ptrdiff_t at = static_cast<ptrdiff_t>(step) * channels_ + channel;
    const __m512i residual =
        _mm512_maskz_loadu_epi16(columns.mask, residual_ + at);
    const __m512i y =
        _mm512_adds_epi16(residual, columns.parameters.Value(shifted));
    if (columns.count == kTileChannels) {
      _mm512_storeu_si512(stream_ + at, y);
    } else {
      _mm512_mask_storeu_epi16(stream_ + at, columns.mask, y);
    }
    if (signs_ == nullptr) return;
    const uint32_t bits = columns.parameters.Bits(y);
    Word* to = signs_ + static_cast<ptrdiff_t>(step) * row_words_ +
               channel / kWordBits;
    if (columns.count > kWordBits) {
      std::memcpy(to, &bits, sizeof(bits));
    } else {
      *to = static_cast<Word>(bits);
    }
  }

 private:
  const int channels_;
  const int row_words_;
  const ShortStream parameters_;
  const int16_t* const residual_;
  int16_t* const stream_;
  Word* const signs_;
};

void Dot(const Word* bits, const Word* weights, const MemoryGeometry& geometry,
         int first, int last, int16_t* dots) {
  Run({bits, weights, geometry}, first, last,
      StoreDots(geometry.channels, first, dots));
}

void Stream(const Word* bits, const Word* weights,
            const MemoryGeometry& geometry, const ShortStream& parameters,
            const int16_t* residual, int16_t* stream, Word* signs) {
  Run({bits, weights, geometry}, 0, geometry.steps,
      AddToStream(geometry.channels, parameters, residual, stream, signs));
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const MemoryKernel kMemoryAvx512Bw8x32S16 = {
    "memory_avx512bw_8x32_s16",
    kMaxBinaryTerms,
    1,
    [] {
      return __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    },
    Dot,
    Stream,
};

}  // namespace bifsmn

#endif  // __x86_64__
