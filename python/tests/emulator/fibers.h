// Lanes that give way to one another: stacks of their own on one thread of the system's.
#pragma once

#include <cstddef>
#include <vector>

// Where a suspended fiber goes on; its registers lie on its stack.
using FiberPoint = void *;

extern "C" {
// Suspends the running fiber at `*from` and goes on at `to`.
void emulator_switch(FiberPoint *from, FiberPoint to);
}

// A stack with a page below it that must not be touched.
struct FiberStack {
  char *low;
  std::size_t size;

  // The point at which a new fiber on the stack begins with `entry`, which must not return.
  FiberPoint start(void (*entry)()) const;
};

// Stacks used again and again: the last one given back is the next one taken, and still in the cache.
class FiberStacks {
 public:
  FiberStack take();
  void give(FiberStack stack) { free_.push_back(stack); }

 private:
  std::vector<FiberStack> free_;
};
