// What compiled code and the worker pool need from C: the table that machine code receives, and the
// few things that Swift cannot spell.
#ifndef PARPY_CRUNTIME_H
#define PARPY_CRUNTIME_H

#include <stdint.h>

// ---- The ABI of JIT-compiled code; append only: cached object files hold these offsets. ----

// Swift closures given for a body run on any thread, and must not inherit an actor.
#if defined(__clang__)
#define PARPY_SENDABLE __attribute__((swift_attr("@Sendable")))
#else
#define PARPY_SENDABLE
#endif

// The iterations [begin, end) of a parallel loop.
typedef void (*PARPY_SENDABLE parpy_range_body)(void *context, int64_t begin, int64_t end);
// One worker's share of a team: 0 <= worker < workers.
typedef void (*PARPY_SENDABLE parpy_team_body)(void *context, int64_t worker, int64_t workers);

// A call out of compiled code; 0 where it went well.
typedef int64_t (*PARPY_SENDABLE parpy_callback)(int64_t *slot, int64_t index, int64_t *words);

// The runtime as machine code sees it. No function raises, unwinds or traps.
typedef struct parpy_runtime {
  // Runs body over [0, iterations) in disjoint ranges whose starts are multiples of `multiple`, on
  // at most `max_workers` workers, and returns when all is done. Ranges run in no fixed order.
  // Nested in a region, or while another thread has the pool: on the caller alone.
  void (*parallel_for)(parpy_range_body body, void *context, int64_t iterations, int64_t multiple,
                       int64_t max_workers);
  // Runs body once for each of at most `workers` workers, all of them running at the same time, so
  // that team_barrier is legal within. The body is told how many there are; nested or busy: one.
  void (*parallel_team)(parpy_team_body body, void *context, int64_t workers);
  // Waits until every worker of the caller's team is here; outside a team, returns at once.
  void (*team_barrier)(void);
  // Memory for `bytes` bytes, 64-byte aligned; NULL where there is none or `bytes` is negative.
  void *(*allocate)(int64_t bytes);
  // Gives back what allocate returned; NULL is allowed.
  void (*deallocate)(void *memory);
  // Calls the function of the caller's language that has the number `index` in the code. Word 0 of
  // `words` is for its result, the operands follow. A status other than 0 ends the host part, which
  // returns it. Only host parts call it, on the thread that called the entry point, with the slot
  // that the entry point was given.
  parpy_callback call_back;
} parpy_runtime;

// ---- For the Swift target Runtime alone. ----

// What the calling thread is doing for the pool.
typedef enum : int32_t {
  parpy_role_outside = 0,
  parpy_role_in_region = 1,
  parpy_role_in_team = 2,
} parpy_role;

// Use the two functions: a dynamic library pays a call for each look at a thread's variable anyway.
parpy_role parpy_thread_role(void);
void parpy_set_thread_role(parpy_role role);

// The cores that this process may run on, at least 1.
int64_t parpy_core_count(void);

// The core that the calling thread runs on, counted from 0; -1 where the system does not tell.
int64_t parpy_current_core(void);
// Moves the calling thread to another core that it may run on, where there is one.
void parpy_leave_core(int64_t core);
// Lets another thread that waits for the core of the calling one run first, where there is one.
void parpy_yield_core(void);

// Names the calling thread for debuggers and profilers, in at most 15 characters.
void parpy_name_thread(const char *name);

// Sleeps while *word == expected, until woken; may return early.
void parpy_wait_while_equal(const void *word, uint32_t expected);
// Wakes at most `count` of the threads asleep on `word`.
void parpy_wake(const void *word, int32_t count);

// Tells the core that this is a spin loop.
static inline void parpy_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
