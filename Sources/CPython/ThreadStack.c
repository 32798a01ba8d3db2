// How much stack the calling thread has left.
#define _GNU_SOURCE
#include "CPython.h"

#include <pthread.h>

size_t py_stack_left(void) {
  char *lowest;
  char here;
#if defined(__APPLE__)
  lowest = (char *)pthread_get_stackaddr_np(pthread_self()) - pthread_get_stacksize_np(pthread_self());
#else
  pthread_attr_t attributes;
  void *address;
  size_t size;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return SIZE_MAX;
  int status = pthread_attr_getstack(&attributes, &address, &size);
  pthread_attr_destroy(&attributes);
  if (status != 0) return SIZE_MAX;
  lowest = address;
#endif
  return &here > lowest ? (size_t)(&here - lowest) : 0;
}
