// A plugin of qemu-user: counts how often each translated block runs.
//
//   qemu-aarch64 -plugin ./block_counts.so,out=FILE[,begin=HEX,end=HEX] PROGRAM
//
// At exit FILE gets a line for every block that ran: how often, its address,
// and its instructions as 32-bit words in hexadecimal. With `begin` and `end`,
// the addresses of two functions, only what runs between a call of the one and
// a call of the other is counted.
//
// Debian's qemu-user 7.2 comes without qemu-plugin.h, so that the few
// declarations needed stand here.

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t PluginId;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

EXPORT int qemu_plugin_version = 1;

void qemu_plugin_register_vcpu_tb_trans_cb(
    PluginId id, void (*callback)(PluginId, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb* block,
                                          void (*callback)(unsigned, void*),
                                          int flags, void* data);
void qemu_plugin_register_atexit_cb(PluginId id,
                                    void (*callback)(PluginId, void*),
                                    void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(
    const struct qemu_plugin_tb* block, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction);

struct Block {
  struct Block* next;
  uint64_t address;
  uint64_t runs;
  size_t length;
  uint32_t words[];
};

static struct Block* blocks;
static uint64_t begin, end;
static bool counting;
static FILE* out;

static void OnRun(unsigned cpu, void* data) {
  struct Block* block = data;
  (void)cpu;
  if (begin != 0) {
    if (block->address == begin) counting = true;
    if (block->address == end) counting = false;
    if (!counting) return;
  }
  ++block->runs;
}

static void OnTranslate(PluginId id, struct qemu_plugin_tb* translated) {
  const size_t length = qemu_plugin_tb_n_insns(translated);
  struct Block* block = calloc(1, sizeof(*block) + length * sizeof(uint32_t));
  (void)id;
  if (block == NULL) abort();
  block->address = qemu_plugin_tb_vaddr(translated);
  block->length = length;
  for (size_t i = 0; i < length; ++i) {
    memcpy(&block->words[i],
           qemu_plugin_insn_data(qemu_plugin_tb_get_insn(translated, i)),
           sizeof(uint32_t));
  }
  block->next = blocks;
  blocks = block;
  qemu_plugin_register_vcpu_tb_exec_cb(translated, OnRun, 0, block);
}

static void OnExit(PluginId id, void* data) {
  (void)id;
  (void)data;
  for (const struct Block* block = blocks; block != NULL; block = block->next) {
    if (block->runs == 0) continue;
    fprintf(out, "%" PRIu64 " %" PRIx64, block->runs, block->address);
    for (size_t i = 0; i < block->length; ++i) {
      fprintf(out, " %08" PRIx32, block->words[i]);
    }
    fputc('\n', out);
  }
  fclose(out);
}

EXPORT int qemu_plugin_install(PluginId id, const void* info, int argc,
                               char** argv) {
  const char* path = NULL;
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "out=", 4) == 0) path = argv[i] + 4;
    if (strncmp(argv[i], "begin=", 6) == 0) {
      begin = strtoull(argv[i] + 6, NULL, 16);
    }
    if (strncmp(argv[i], "end=", 4) == 0) end = strtoull(argv[i] + 4, NULL, 16);
  }
  out = path == NULL ? NULL : fopen(path, "w");
  if (out == NULL) {
    fprintf(stderr, "block_counts: cannot write out=%s\n",
            path == NULL ? "(missing)" : path);
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, OnTranslate);
  qemu_plugin_register_atexit_cb(id, OnExit, NULL);
  return 0;
}
