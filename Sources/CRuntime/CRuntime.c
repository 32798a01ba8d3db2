#define _GNU_SOURCE
#include "CRuntime.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local parpy_role role = parpy_role_outside;

parpy_role parpy_thread_role(void) { return role; }
void parpy_set_thread_role(parpy_role new_role) { role = new_role; }

#if defined(__linux__)

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>

// The kernel wants a mask at least as wide as its own: up to 2^16 cores are tried.
int64_t parpy_core_count(void) {
  for (int cores = CPU_SETSIZE; cores <= 1 << 16; cores *= 2) {
    cpu_set_t *set = CPU_ALLOC(cores);
    if (set == NULL) break;
    const size_t bytes = CPU_ALLOC_SIZE(cores);
    CPU_ZERO_S(bytes, set);
    const int failure = sched_getaffinity(0, bytes, set) == 0 ? 0 : errno;
    const int count = CPU_COUNT_S(bytes, set);
    CPU_FREE(set);
    if (failure == 0 && count > 0) return count;
    if (failure != EINVAL) break;
  }
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? online : 1;
}

int64_t parpy_current_core(void) { return sched_getcpu(); }

// The kernel moves a thread at once where its mask no longer holds the core it runs on; afterwards
// it may run anywhere again.
void parpy_leave_core(int64_t core) {
  const int saved = errno;
  cpu_set_t allowed, others;
  if (core >= 0 && core < CPU_SETSIZE && sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    others = allowed;
    CPU_CLR(core, &others);
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0)
      sched_setaffinity(0, sizeof allowed, &allowed);
  }
  errno = saved;
}

void parpy_yield_core(void) { sched_yield(); }

void parpy_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

// errno belongs to the caller of compiled code.
void parpy_wait_while_equal(const void *word, uint32_t expected) {
  const int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
  errno = saved;
}

void parpy_wake(const void *word, int32_t count) {
  const int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
  errno = saved;
}

#elif defined(__APPLE__)

#include <os/os_sync_wait_on_address.h>
#include <sched.h>

int64_t parpy_core_count(void) {
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? online : 1;
}

// The system neither tells nor takes where a thread runs.
int64_t parpy_current_core(void) { return -1; }
void parpy_leave_core(int64_t core) { (void)core; }
void parpy_yield_core(void) { sched_yield(); }

void parpy_name_thread(const char *name) { pthread_setname_np(name); }

void parpy_wait_while_equal(const void *word, uint32_t expected) {
  const int saved = errno;
  os_sync_wait_on_address((void *)word, expected, sizeof(uint32_t), OS_SYNC_WAIT_ON_ADDRESS_NONE);
  errno = saved;
}

void parpy_wake(const void *word, int32_t count) {
  const int saved = errno;
  for (int32_t woken = 0; woken < count; woken++) {
    if (os_sync_wake_by_address_any((void *)word, sizeof(uint32_t),
                                    OS_SYNC_WAKE_BY_ADDRESS_NONE) != 0)
      break;
  }
  errno = saved;
}

#else
#error "no futex known for this system"
#endif
