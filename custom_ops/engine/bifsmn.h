/* Keyword spotting from C: a .tflite of bifsmn_tf, run without TensorFlow Lite.
 *
 *     char error[256];
 *     bifsmn_detection found;
 *     bifsmn_spotter* spotter = bifsmn_spotter_from_file(
 *         "bifsmn_stream-sc12.tflite", NULL, error, sizeof(error));
 *     while ((count = read_microphone(samples))) {
 *       bifsmn_spotter_push_int16(spotter, samples, count);
 *       while (bifsmn_spotter_poll(spotter, &found))
 *         puts(bifsmn_spotter_label(spotter, found.label));
 *     }
 *     bifsmn_spotter_destroy(spotter);
 *
 * Everything is allocated when it is created or planned, nothing when it runs.
 * An instance is used by one thread at a time; instances share nothing. No
 * function throws. Where `error` is a parameter it is a buffer of
 * `error_bytes` for a message in UTF-8, or null; the message is empty when
 * nothing went wrong.
 */

#ifndef BIFSMN_H_
#define BIFSMN_H_

#include <stddef.h>
#include <stdint.h>

#define BIFSMN_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* The library's version, such as "0.1.0". */
BIFSMN_API const char* bifsmn_version(void);

/* ---- A spotter ------------------------------------------------------------
 * Sound in, keywords out: what KeywordSpotter, StreamingSpotter and Detector do
 * in Python, with the same results.
 */

typedef struct bifsmn_spotter bifsmn_spotter;

typedef struct bifsmn_options {
  /* The depth to start with; 0 is the deepest. */
  int delta;
  /* Not 0: that depth alone, which takes less memory; the spotter then has no
   * other. */
  int one_depth;
  /* Seconds from one decision to the next, of a model of clips; a streaming
   * model has a step of its own. */
  double hop;
  /* Of the averaged probability of every keyword, in (0, 1]. */
  double threshold;
  /* Seconds of decisions that are averaged. */
  double smoothing;
  /* Seconds in which the same keyword is no second detection. */
  double hold;
} bifsmn_options;

/* Options that leave everything as the file says: below 0 stands for that. */
BIFSMN_API bifsmn_options bifsmn_default_options(void);

/* Makes a spotter of a model file in memory, which may go afterwards, or of one
 * at a path. `options` may be null. Returns null if the file cannot be read, is
 * damaged, or has what only TensorFlow Lite can run. */
BIFSMN_API bifsmn_spotter* bifsmn_spotter_from_memory(
    const void* content, size_t bytes, const bifsmn_options* options,
    char* error, size_t error_bytes);
BIFSMN_API bifsmn_spotter* bifsmn_spotter_from_file(
    const char* path, const bifsmn_options* options, char* error,
    size_t error_bytes);
BIFSMN_API void bifsmn_spotter_destroy(bifsmn_spotter* spotter);

/* The classes in the order of probabilities, in UTF-8; null beyond the last. */
BIFSMN_API int bifsmn_spotter_labels(const bifsmn_spotter* spotter);
BIFSMN_API const char* bifsmn_spotter_label(const bifsmn_spotter* spotter,
                                            int number);

/* What the file says of itself, as JSON. */
BIFSMN_API const char* bifsmn_spotter_metadata(const bifsmn_spotter* spotter);

/* Samples a second of what is pushed, and from one decision to the next. */
BIFSMN_API int bifsmn_spotter_sample_rate(const bifsmn_spotter* spotter);
BIFSMN_API int bifsmn_spotter_step(const bifsmn_spotter* spotter);

/* The depths of the file, deepest first; 0 beyond the last. */
BIFSMN_API int bifsmn_spotter_deltas(const bifsmn_spotter* spotter);
BIFSMN_API int bifsmn_spotter_delta(const bifsmn_spotter* spotter, int number);

/* Changes the depth without a gap in the decisions: a streaming model's new
 * depth runs behind the old one until it has heard enough. Returns 0, or -1 if
 * the file has no such depth. */
BIFSMN_API int bifsmn_spotter_set_delta(bifsmn_spotter* spotter, int delta);

/* The depth of the last decision. */
BIFSMN_API int bifsmn_spotter_deciding_delta(const bifsmn_spotter* spotter);

/* The threshold of a label; above 1 for one that is never detected: "unknown",
 * "silence", and words that begin with an underscore. Setting it
 * returns 0, or -1 for a label that is no keyword or a threshold outside of
 * (0, 1]. */
BIFSMN_API double bifsmn_spotter_threshold(const bifsmn_spotter* spotter,
                                           int label);
BIFSMN_API int bifsmn_spotter_set_threshold(bifsmn_spotter* spotter, int label,
                                            double threshold);

/* Takes the next samples, as many as there are. Returns how many it took: all
 * of them, or fewer if BIFSMN_DETECTIONS wait to be polled, or, of floats, up
 * to one that is not finite. */
BIFSMN_API size_t bifsmn_spotter_push_int16(bifsmn_spotter* spotter,
                                            const int16_t* samples,
                                            size_t count);
/* Floats in [-1, 1]. */
BIFSMN_API size_t bifsmn_spotter_push_float(bifsmn_spotter* spotter,
                                            const float* samples, size_t count);

/* Ends a recording: decides on what does not fill a step, silence behind it. */
BIFSMN_API void bifsmn_spotter_flush(bifsmn_spotter* spotter);

/* Forgets the stream: the next sample is the first of another one. */
BIFSMN_API void bifsmn_spotter_reset(bifsmn_spotter* spotter);

/* A keyword that was spoken. */
typedef struct bifsmn_detection {
  /* When it was certain, in seconds from the beginning of the stream. */
  double time;
  int label;
  /* Averaged, in [0, 1]. */
  double probability;
} bifsmn_detection;

/* How many detections may wait. */
#define BIFSMN_DETECTIONS 16

/* Takes the oldest detection that waits. Returns 1, or 0 if none does. */
BIFSMN_API int bifsmn_spotter_poll(bifsmn_spotter* spotter,
                                   bifsmn_detection* detection);

/* How many decisions there were, and the logits and probabilities of the last
 * one, of every label; they stay where they are. */
BIFSMN_API uint64_t bifsmn_spotter_decisions(const bifsmn_spotter* spotter);
BIFSMN_API const float* bifsmn_spotter_logits(const bifsmn_spotter* spotter);
BIFSMN_API const float* bifsmn_spotter_probabilities(
    const bifsmn_spotter* spotter);

/* ---- Signatures -----------------------------------------------------------
 * The graphs of a file one by one, for programs that keep the state of a stream
 * themselves. custom_ops/README.md defines what they compute.
 */

typedef struct bifsmn_model bifsmn_model;

typedef enum bifsmn_type {
  BIFSMN_FLOAT32,
  BIFSMN_FLOAT16,
  BIFSMN_INT32,
  BIFSMN_INT16,
  BIFSMN_INT8
} bifsmn_type;

typedef struct bifsmn_tensor {
  const char* name;
  bifsmn_type type;
  const int* shape;
  int rank;
  size_t bytes;
} bifsmn_tensor;

/* Reads a model file, which has to stay where it is as long as signatures are
 * planned. Returns null if it is none, or damaged. */
BIFSMN_API bifsmn_model* bifsmn_model_create(const void* content, size_t bytes,
                                             char* error, size_t error_bytes);
BIFSMN_API void bifsmn_model_destroy(bifsmn_model* model);

/* Makes a signature ready to run. Returns its number, from 0, or -1. */
BIFSMN_API int bifsmn_model_plan(bifsmn_model* model, const char* key,
                                 char* error, size_t error_bytes);

/* How many tensors a planned signature takes and gives, and what they are. */
BIFSMN_API int bifsmn_model_inputs(const bifsmn_model* model, int signature);
BIFSMN_API int bifsmn_model_outputs(const bifsmn_model* model, int signature);
BIFSMN_API const bifsmn_tensor* bifsmn_model_input(const bifsmn_model* model,
                                                   int signature, int number);
BIFSMN_API const bifsmn_tensor* bifsmn_model_output(const bifsmn_model* model,
                                                    int signature, int number);

/* Runs a planned signature: an array of pointers for each, in the order above,
 * to memory of the stated bytes, aligned to its elements. No output may lie in
 * an input. Returns 0, or -1. */
BIFSMN_API int bifsmn_model_run(bifsmn_model* model, int signature,
                                const void* const* inputs, void* const* outputs,
                                char* error, size_t error_bytes);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* BIFSMN_H_ */
