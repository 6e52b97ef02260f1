// Runs a fuzzer without libFuzzer, to repeat what it found:
//
//   op_fuzzer_standalone COUNT [SEED] [FILE...]
//
// feeds it every FILE, then COUNT pseudo-random inputs, which are the same
// everywhere, from number SEED on.

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Of the fuzzer: what its inputs reached.
extern "C" void PrintReached();

// Of the sanitizers, where there are any.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(
    void (*callback)());

namespace {

constexpr size_t kInputBytes = 256;

std::string current;

void TellCurrent() {
  std::fprintf(stderr, "while it was fed %s\n", current.c_str());
}

void TellAborted(int) { TellCurrent(); }

// SplitMix64.
uint64_t Next(uint64_t* state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

void Feed(const std::vector<uint8_t>& input) {
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s COUNT [SEED] [FILE...]\n", argv[0]);
    return 2;
  }
  std::signal(SIGABRT, TellAborted);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(TellCurrent);
  }
  for (int i = 3; i < argc; ++i) {
    current = argv[i];
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "%s cannot be read\n", argv[i]);
      return 1;
    }
    Feed({std::istreambuf_iterator<char>(file), {}});
  }
  const long count = std::atol(argv[1]);
  const long first = argc > 2 ? std::atol(argv[2]) : 0;
  for (long number = first; number < first + count; ++number) {
    current = "number " + std::to_string(number);
    uint64_t state = static_cast<uint64_t>(number) << 32;
    std::vector<uint8_t> input(kInputBytes);
    for (uint8_t& byte : input) byte = static_cast<uint8_t>(Next(&state));
    Feed(input);
  }
  std::printf("%d files, %ld inputs\n", argc > 3 ? argc - 3 : 0, count);
  PrintReached();
}
