#include "fibers.h"

#include <cstdint>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

// Saves what a called function must keep (System V ABI for x86-64; AAPCS64), changes the stack, and restores.
#if defined(__x86_64__)
asm(R"(
.text
.globl emulator_switch
.hidden emulator_switch
.type emulator_switch, @function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulator_switch, . - emulator_switch
)");
// Six registers; then the address to return to.
static constexpr int kSaved = 6, kReturn = 6;
// A function begins with its return address on the stack.
static constexpr int kAbove = 1;
#elif defined(__aarch64__)
asm(R"(
.text
.globl emulator_switch
.hidden emulator_switch
.type emulator_switch, %function
emulator_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size emulator_switch, . - emulator_switch
)");
static constexpr int kSaved = 20, kReturn = 11;
static constexpr int kAbove = 0;
#else
#error "the emulator switches lanes on x86-64 and AArch64"
#endif

FiberPoint FiberStack::start(void (*entry)()) const {
  auto *top = reinterpret_cast<std::uint64_t *>(low + size);
  // Above the saved registers: the return address where it is popped, and one of a caller that is not there.
  std::uint64_t *point = top - 2 * kAbove - kSaved;
  for (std::uint64_t *word = point; word < top; word++) *word = 0;
  point[kReturn] = reinterpret_cast<std::uint64_t>(entry);
  return point;
}

FiberStack FiberStacks::take() {
  if (!free_.empty()) {
    const FiberStack stack = free_.back();
    free_.pop_back();
    return stack;
  }
  static const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t size = std::size_t{256} << 10;
  void *memory = mmap(nullptr, size + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, page, PROT_NONE);
  return {static_cast<char *>(memory) + page, size};
}
