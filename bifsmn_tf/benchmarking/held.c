// Lets a library believe that an x86-64 processor has fewer instructions:
// held.py replaces its cpuid by an instruction that there is not, whose signal
// is answered here with the processor's own answer but for what the level
// lacks.

// For the names of registers.
#define _GNU_SOURCE

#include <cpuid.h>
#include <signal.h>
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
static int answers;

static void Answer(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
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
  uint8_t* first = (uint8_t*)((uintptr_t)code & ~(page - 1));
  if (code[0] != 0x0f || code[1] != 0xa2) return -1;
  if (mprotect(first, 2 * page, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
    return -1;
  }
  code[1] = 0x0b;  // ud2
  return mprotect(first, 2 * page, PROT_READ | PROT_EXEC);
}

// How often the library has asked so far.
int held_answers(void) { return answers; }
