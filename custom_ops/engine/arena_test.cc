#include "custom_ops/engine/arena.h"

#include <gtest/gtest.h>

#include <random>

namespace bifsmn {
namespace {

bool LiveTogether(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

bool Overlap(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

TEST(ArenaTest, NothingTakesNothing) {
  std::vector<ArenaBuffer> buffers;
  EXPECT_EQ(PlaceBuffers(&buffers), 0u);
}

TEST(ArenaTest, AChainTakesTurns) {
  std::vector<ArenaBuffer> buffers;
  for (int step = 0; step < 10; ++step) {
    buffers.push_back({1000, step, step + 1});
  }
  EXPECT_EQ(PlaceBuffers(&buffers), 2048u);
}

TEST(ArenaTest, SmallBuffersFillGaps) {
  std::vector<ArenaBuffer> buffers = {
      {64, 0, 3}, {640, 0, 0}, {320, 1, 1}, {256, 1, 1}};
  EXPECT_EQ(PlaceBuffers(&buffers), 704u);
}

TEST(ArenaTest, WhatLivesTogetherDoesNotOverlap) {
  std::mt19937 engine(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaBuffer> buffers;
    for (int i = 0; i < 30; ++i) {
      const int first = engine() % 20;
      buffers.push_back(
          {engine() % 1000, first, first + static_cast<int>(engine() % 5)});
    }
    const size_t total = PlaceBuffers(&buffers);
    for (size_t i = 0; i < buffers.size(); ++i) {
      EXPECT_EQ(buffers[i].offset % 64, 0u);
      EXPECT_LE(buffers[i].offset + buffers[i].bytes, total);
      for (size_t j = 0; j < i; ++j) {
        EXPECT_FALSE(LiveTogether(buffers[i], buffers[j]) &&
                     Overlap(buffers[i], buffers[j]));
      }
    }
  }
}

}  // namespace
}  // namespace bifsmn
