// Lets a library believe that an x86-64 processor has fewer instructions:
// held.py replaces its cpuid by an instruction that there is not, whose signal
// is answered here with the processor's own answer but for what the level
// lacks.

// For the names of registers.
#define _GNU_SOURCE

#include <cpuid.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define BIT(n) (1u << (n))

// Behind this level are AVX-512, AMX and the VNNI, IFMA and FP16 of AVX.
static const uint32_t kAvx512[][4] = {
    {0,
     BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) |
         BIT(31),
     BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14),
     BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25)},
    {BIT(4) | BIT(5) | BIT(21) | BIT(23), 0, 0,
     BIT(4) | BIT(5) | BIT(10) | BIT(19)},
};

// What else lies behind the least level: leaf 1 (SSE3, SSSE3, FMA, SSE4, F16C,
// AVX) and leaf 7 (BMI, AVX2).
static const uint32_t kOne =
    BIT(0) | BIT(9) | BIT(12) | BIT(19) | BIT(20) | BIT(28) | BIT(29);
static const uint32_t kSeven = BIT(3) | BIT(5) | BIT(8);

static int has_avx2;
// What asks in the library's place, and how often it has.
enum { kMostQuestions = 1024 };
static const uint8_t* questions[kMostQuestions];
static int question_count;
static volatile sig_atomic_t answers;

static void Answer(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  int asked = 0;
  for (int i = 0; i < question_count; ++i) {
    asked = asked || questions[i] == (const uint8_t*)registers[REG_RIP];
  }
  if (!asked) {
    // Somebody's own trap: it happens again, and is theirs.
    signal(SIGILL, SIG_DFL);
    return;
  }
  const uint32_t leaf = (uint32_t)registers[REG_RAX];
  const uint32_t part = (uint32_t)registers[REG_RCX];
  uint32_t a, b, c, d;
  __cpuid_count(leaf, part, a, b, c, d);
  if (leaf == 7 && part < 2) {
    a &= ~kAvx512[part][0];
    b &= ~kAvx512[part][1];
    c &= ~kAvx512[part][2];
    d &= ~kAvx512[part][3];
    if (part == 0 && !has_avx2) b &= ~kSeven;
  }
  if (leaf == 1 && !has_avx2) c &= ~kOne;
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
  ++answers;
}

// Answers from now on. Returns 0, or -1 if the system does not let it.
int held_answer(int level_has_avx2) {
  struct sigaction action = {0};
  has_avx2 = level_has_avx2;
  action.sa_sigaction = Answer;
  action.sa_flags = SA_SIGINFO;
  return sigaction(SIGILL, &action, NULL);
}

// Replaces a cpuid. Returns 0, or -1 if there is none or it cannot be written.
int held_replace(uint8_t* code) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t first = (uintptr_t)code & ~(page - 1);
  const size_t size = (uintptr_t)(code + 2) - first;
  if (question_count == kMostQuestions) return -1;
  if (code[0] != 0x0f || code[1] != 0xa2) return -1;
  if (mprotect((void*)first, size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
    return -1;
  }
  questions[question_count++] = code;
  code[1] = 0x0b;  // ud2
  return mprotect((void*)first, size, PROT_READ | PROT_EXEC);
}

// Asks as the library does: writes a to d of a leaf. Its own question is there
// to be replaced, too.
__asm__(
    ".globl held_ask\n"
    ".globl held_question\n"
    "held_ask:\n"
    "  push %rbx\n"
    "  mov %rdx, %r8\n"
    "  mov %edi, %eax\n"
    "  mov %esi, %ecx\n"
    "held_question:\n"
    "  cpuid\n"
    "  mov %eax, (%r8)\n"
    "  mov %ebx, 4(%r8)\n"
    "  mov %ecx, 8(%r8)\n"
    "  mov %edx, 12(%r8)\n"
    "  pop %rbx\n"
    "  ret\n");

// How often the library has asked so far.
int held_answers(void) { return answers; }
