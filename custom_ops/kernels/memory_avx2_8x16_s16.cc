// Taps are added up as bits, by a carry-save adder over 128 channels. Then the
// bits of 16 sums are spread over 16-bit lanes. Steps are the inner loop, so
// that the parameters of the stream are loaded once for eight.

#include "custom_ops/kernels/memory.h"

#ifdef __x86_64__

#include <immintrin.h>

#include <cstddef>
#include <cstring>

#include "custom_ops/kernels/memory_taps.h"
#include "custom_ops/kernels/short_stream_avx2.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx2")

namespace bifsmn {
namespace {

constexpr int kTileSteps = 8;

// Words whose taps are added at a time.
constexpr int kChunkWords = 8;

// Bits of a sum of up to 7 taps, and of any.
constexpr int kFewPlanes = 3;
constexpr int kManyPlanes = 14;

// The disagreements of a chunk of channels at one step.
template <int kPlanes>
struct Sums {
  int taps;
  // Bit b of every sum.
  alignas(16) Word planes[kPlanes][kChunkWords];
};

struct Sequence {
  const Word* bits;
  const Word* weights;
  const MemoryGeometry& geometry;
};

// The first `left` words, or eight.
BIFSMN_INLINE __m128i LoadWords(const Word* words, ptrdiff_t left) {
  if (left >= kChunkWords) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(words));
  }
  alignas(16) Word padded[kChunkWords] = {};
  for (ptrdiff_t i = 0; i < left; ++i) padded[i] = words[i];
  return _mm_load_si128(reinterpret_cast<const __m128i*>(padded));
}

template <int kPlanes>
BIFSMN_INLINE void AddTaps(const Sequence& sequence, const MemoryTaps& taps,
                           int word, Sums<kPlanes>* sums) {
  const MemoryGeometry& g = sequence.geometry;
  const ptrdiff_t words = WordsFor(g.channels);
  const ptrdiff_t left = words - word;
  const Word* seen = sequence.bits + taps.Source(taps.begin()) * words + word;
  const Word* weight = sequence.weights + taps.begin() * words + word;
  __m128i planes[kPlanes];
  BIFSMN_UNROLL(16)
  for (int b = 0; b < kPlanes; ++b) planes[b] = _mm_setzero_si128();
  for (int tap = taps.begin(); tap < taps.end(); ++tap) {
    __m128i carry =
        _mm_xor_si128(LoadWords(seen, left), LoadWords(weight, left));
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

// (taps - 2 * sum) << shift of the 16 channels of a plane's word.
template <int kPlanes>
BIFSMN_INLINE __m256i ShiftedDots(const Sums<kPlanes>& sums, int word,
                                  int shift) {
  const __m256i lanes =
      _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
                        8192, 16384, -32768);
  __m256i dots = _mm256_set1_epi16(static_cast<int16_t>(sums.taps << shift));
  BIFSMN_UNROLL(16)
  for (int b = 0; b < kPlanes; ++b) {
    const __m256i weight =
        _mm256_set1_epi16(static_cast<int16_t>(2 << b << shift));
    const __m256i bits =
        _mm256_set1_epi16(static_cast<int16_t>(sums.planes[b][word]));
    const __m256i set =
        _mm256_cmpeq_epi16(_mm256_and_si256(bits, lanes), lanes);
    dots = _mm256_sub_epi16(dots, _mm256_and_si256(set, weight));
  }
  return dots;
}

// Calls epilogue of every 16 channels: first their Columns, then Take for every
// step.
template <int kPlanes, typename Epilogue>
void ForEachTile(const Sequence& sequence, int first, int last,
                 const Epilogue& epilogue) {
  const int words = WordsFor(sequence.geometry.channels);
  Sums<kPlanes> sums[kTileSteps];
  for (int block = first; block < last; block += kTileSteps) {
    const int steps = last - block < kTileSteps ? last - block : kTileSteps;
    for (int chunk = 0; chunk < words; chunk += kChunkWords) {
      MemoryTaps taps(sequence.geometry, block);
      for (int i = 0; i < steps; ++i, taps.Next()) {
        AddTaps(sequence, taps, chunk, &sums[i]);
      }
      for (int word = 0; word < kChunkWords && chunk + word < words; ++word) {
        const int channel = (chunk + word) * kWordBits;
        const typename Epilogue::Columns columns(epilogue, channel);
        for (int i = 0; i < steps; ++i) {
          epilogue.Take(columns, block + i, channel,
                        ShiftedDots(sums[i], word, epilogue.shift()));
        }
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
    Columns(const StoreDots&, int) {}
  };

  int shift() const { return 0; }

  BIFSMN_INLINE void Take(const Columns&, int step, int channel,
                          __m256i dots) const {
    StoreLanes(
        dots_ + static_cast<ptrdiff_t>(step - first_) * row_stride_ + channel,
        dots);
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
        parameters_(parameters),
        residual_(residual),
        stream_(stream),
        signs_(signs) {}

  struct Columns {
    Columns(const AddToStream& epilogue, int channel)
        : parameters(epilogue.parameters_, channel) {}

    ShortStreamAvx2 parameters;
  };

  int shift() const { return parameters_.shift; }

  BIFSMN_INLINE void Take(const Columns& columns, int step, int channel,
                          __m256i shifted) const {
    const ptrdiff_t at = static_cast<ptrdiff_t>(step) * channels_ + channel;
    const __m256i y = _mm256_adds_epi16(LoadLanes(residual_ + at),
                                        columns.parameters.Value(shifted));
    StoreLanes(stream_ + at, y);
    if (signs_ != nullptr) signs_[at / kWordBits] = columns.parameters.Bits(y);
  }

 private:
  const int channels_;
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

const MemoryKernel kMemoryAvx2_8x16S16 = {
    "memory_avx2_8x16_s16",
    kMaxBinaryTerms,
    kWordBits,
    [] { return __builtin_cpu_supports("avx2") != 0; },
    Dot,
    Stream,
};

}  // namespace bifsmn

#endif  // __x86_64__
