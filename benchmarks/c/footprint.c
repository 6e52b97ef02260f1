/* What a spotter in C takes, beside the library's code: prints as JSON the
 * milliseconds and bytes of the heap that it takes to make one, the heap and
 * the stack that it takes to run, and how often it allocates while it runs.
 *
 *     footprint MODEL [DELTA], to have that depth alone
 *
 * Counts with a malloc of its own, which glibc lets a program have.
 */

#include <bifsmn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STACK_BYTES (256 * 1024)
#define SECONDS 8
#define RATE 16000

void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void* memory);

static size_t calls, live, most;

static void* counted(void* memory) {
  ++calls;
  if (memory != NULL) live += malloc_usable_size(memory);
  if (live > most) most = live;
  return memory;
}

void* malloc(size_t bytes) { return counted(__libc_malloc(bytes)); }

void* calloc(size_t count, size_t bytes) {
  return counted(__libc_calloc(count, bytes));
}

void* realloc(void* old, size_t bytes) {
  if (old != NULL) live -= malloc_usable_size(old);
  return counted(__libc_realloc(old, bytes));
}

void* memalign(size_t alignment, size_t bytes) {
  return counted(__libc_memalign(alignment, bytes));
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  return memalign(alignment, bytes);
}

int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  *memory = memalign(alignment, bytes);
  return *memory == NULL;
}

void free(void* memory) {
  if (memory != NULL) live -= malloc_usable_size(memory);
  __libc_free(memory);
}

static bifsmn_spotter* spotter;
static size_t calls_while_running;
static unsigned long long decisions;

/* Pushes noise in pieces of all lengths, at every depth in turn. */
static void* run(void* unused) {
  static int16_t samples[1000];
  static bifsmn_detection found;
  const size_t before = calls;
  unsigned random = 1;
  size_t total = 0, piece = 0;
  (void)unused;
  while (total < (size_t)SECONDS * RATE) {
    const int deltas = bifsmn_spotter_deltas(spotter);
    size_t i;
    for (i = 0; i < 1000; ++i) {
      random = random * 1664525u + 1013904223u;
      samples[i] = (int16_t)(random >> 18);
    }
    piece = random >> 16;
    bifsmn_spotter_set_delta(
        spotter, bifsmn_spotter_delta(spotter, (int)(total / RATE) % deltas));
    total += bifsmn_spotter_push_int16(spotter, samples, piece % 1000 + 1);
    while (bifsmn_spotter_poll(spotter, &found)) continue;
  }
  bifsmn_spotter_flush(spotter);
  decisions = bifsmn_spotter_decisions(spotter);
  bifsmn_spotter_reset(spotter);
  calls_while_running = calls - before;
  return NULL;
}

/* The bytes of a stack that were written to. */
static size_t run_on_painted_stack(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  void* memory = NULL;
  unsigned char* stack;
  size_t untouched = 0;
  if (posix_memalign(&memory, 4096, STACK_BYTES) != 0) exit(1);
  stack = memory;
  memset(stack, 0xa5, STACK_BYTES);
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, STACK_BYTES);
  if (pthread_create(&thread, &attributes, run, NULL) != 0) exit(1);
  pthread_join(thread, NULL);
  while (untouched < STACK_BYTES && stack[untouched] == 0xa5) ++untouched;
  free(memory);
  return STACK_BYTES - untouched;
}

static void* run_nothing(void* unused) { return unused; }

int main(int argc, char** argv) {
  char error[256];
  bifsmn_options options = bifsmn_default_options();
  struct timespec start, end;
  size_t before, kept, made_with, stack, calls_before;
  pthread_t thread;
  if (argc < 2) return 2;
  if (argc > 2) {
    options.delta = atoi(argv[2]);
    options.one_depth = 1;
  }
  /* What the first thread ever allocates is the C library's. */
  pthread_create(&thread, NULL, run_nothing, NULL);
  pthread_join(thread, NULL);
  before = live;
  most = live;
  calls_before = calls;
  clock_gettime(CLOCK_MONOTONIC, &start);
  spotter = bifsmn_spotter_from_file(argv[1], &options, error, sizeof(error));
  clock_gettime(CLOCK_MONOTONIC, &end);
  if (spotter == NULL) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  kept = live - before;
  made_with = most - before;
  calls_before = calls - calls_before;
  stack = run_on_painted_stack();
  bifsmn_spotter_destroy(spotter);
  printf(
      "{\"milliseconds\": %.3f, \"heap\": %zu, \"heap_to_make\": %zu, "
      "\"allocations_to_make\": %zu, \"allocations_to_run\": %zu, "
      "\"stack\": %zu, \"decisions\": %llu, \"left\": %zu}\n",
      1e3 * (double)(end.tv_sec - start.tv_sec) +
          1e-6 * (double)(end.tv_nsec - start.tv_nsec),
      kept, made_with, calls_before, calls_while_running, stack, decisions,
      live - before);
  return 0;
}
