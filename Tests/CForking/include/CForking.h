// What Swift cannot say for the tests of fork.
#ifndef PARPY_CFORKING_H
#define PARPY_CFORKING_H

#include <stdbool.h>
#include <stdint.h>

// fork(), which Swift declares unavailable.
int32_t parpy_fork(void);

// Whether the tests were built with the thread sanitizer, which allows no threads after a fork.
bool parpy_has_thread_sanitizer(void);

#endif
