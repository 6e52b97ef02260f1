// A few threads of the library's own.
//
// TensorFlow's C API hands a kernel no thread pool.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_PARALLEL_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_PARALLEL_H_

#include <cstdint>
#include <functional>

namespace bifsmn::training {

// Elements below which waking threads takes longer than they save: on two cores
// of a virtual machine a step of batch 96 took a fifth longer with them.
constexpr int64_t kWorthThreads = int64_t{1} << 21;

// Calls task(i) once for each i in [0, tasks), on up to `threads` threads, the
// calling one among them. Where the threads are busy with another call, the
// calling one does all the work.
void ParallelFor(int threads, int tasks, const std::function<void(int)>& task);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_PARALLEL_H_
