// How much stack the calling thread has left.
#define _GNU_SOURCE
#include "CPython.h"

#include <pthread.h>

size_t py_stack_left(void) {
  char *lowest;
  size_t size;
  char here;
#if defined(__APPLE__)
  size = pthread_get_stacksize_np(pthread_self());
  lowest = (char *)pthread_get_stackaddr_np(pthread_self()) - size;
#else
  pthread_attr_t attributes;
  void *address;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return SIZE_MAX;
  int status = pthread_attr_getstack(&attributes, &address, &size);
  pthread_attr_destroy(&attributes);
  if (status != 0) return SIZE_MAX;
  lowest = address;
#endif
  // Code of a coroutine may run on a stack of its own.
  return &here > lowest && &here < lowest + size ? (size_t)(&here - lowest) : SIZE_MAX;
}
