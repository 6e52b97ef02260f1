// A few threads of the library's own.
//
// TensorFlow's C API hands a kernel no thread pool.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_PARALLEL_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_PARALLEL_H_

#include <functional>

namespace bifsmn::training {

// Calls task(i) once for each i in [0, tasks), on up to `threads` threads, the
// calling one among them. Where the threads are busy with another call, the
// calling one does all the work.
void ParallelFor(int threads, int tasks, const std::function<void(int)>& task);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_PARALLEL_H_
