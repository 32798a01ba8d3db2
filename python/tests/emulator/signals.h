// What the processor reports while a lane runs, as an end of that lane instead of one of the process.
#pragma once

#include <cstdint>

// While it lives, faults of the lanes of this thread go to `land`.
class SignalGuard {
 public:
  // `land` gets the signal and the address it is about, on a stack of its own; it must not return.
  explicit SignalGuard(void (*land)(int signal, std::uint64_t address));
  ~SignalGuard();
  SignalGuard(const SignalGuard &) = delete;

  // Sent when the launch has used more time of the processor than it may.
  static int timeoutSignal();
  // Whether it was sent while no lane ran.
  static bool isLate();
  // Whether lanes run: elsewhere a fault is a bug of the emulator or of the process.
  static void setInLane(bool);
};
