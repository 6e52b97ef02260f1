#include "custom_ops/training/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

namespace bifsmn::training {
namespace {

// As TensorFlow's own threads do, so that a result does not depend on where it
// was computed.
void FlushDenormals() {
#ifdef __SSE2__
  _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
  uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" ::"r"(control | (uint64_t{1} << 24)));
#endif
}

class Pool {
 public:
  // Lives as long as the process: its threads may be waiting when others end.
  static Pool& Get() {
    static Pool* pool = new Pool;
    return *pool;
  }

  void Run(int threads, int tasks, const std::function<void(int)>& task) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (threads <= 1 || tasks <= 1 || !owner) {
      for (int i = 0; i < tasks; ++i) task(i);
      return;
    }
    const int helpers = std::min(threads, tasks) - 1;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      while (static_cast<int>(workers_.size()) < helpers) {
        const int index = static_cast<int>(workers_.size());
        const uint64_t seen = round_;
        workers_.emplace_back([this, index, seen] { Work(index, seen); });
      }
      task_ = &task;
      tasks_ = tasks;
      next_ = 0;
      helpers_ = helpers;
      running_ = helpers;
      ++round_;
    }
    wake_.notify_all();
    Drain(task, tasks);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  void Drain(const std::function<void(int)>& task, int tasks) {
    for (int i = next_++; i < tasks; i = next_++) task(i);
  }

  void Work(int index, uint64_t seen) {
    FlushDenormals();
    while (true) {
      const std::function<void(int)>* task;
      int tasks;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
        if (index >= helpers_) continue;
        task = task_;
        tasks = tasks_;
      }
      Drain(*task, tasks);
      std::lock_guard<std::mutex> lock(mutex_);
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::mutex owner_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> workers_;
  const std::function<void(int)>* task_ = nullptr;
  std::atomic<int> next_{0};
  int tasks_ = 0;
  int helpers_ = 0;
  int running_ = 0;
  uint64_t round_ = 0;
};

}  // namespace

void ParallelFor(int threads, int tasks, const std::function<void(int)>& task) {
  Pool::Get().Run(threads, tasks, task);
}

}  // namespace bifsmn::training
