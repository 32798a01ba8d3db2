#include "CForking.h"

#include <unistd.h>

int32_t parpy_fork(void) { return fork(); }

bool parpy_has_thread_sanitizer(void) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  return true;
#endif
#endif
  return false;
}
