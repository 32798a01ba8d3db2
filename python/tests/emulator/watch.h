// Who used which memory since the last barrier: finds lanes that meet without one, whatever the order in which they ran.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "include/services.h"
#include "memory.h"

// A lane between two barriers.
struct Moment {
  std::uint32_t block;
  // How many barriers the block has passed that order the memory it shares, and the device's.
  std::uint32_t barriers, deviceBarriers;
  std::uint32_t lane;
};

// The accesses of one launch.
//
// Two accesses of one place are a race where one of them writes, not both are atomic, and they are by lanes of different blocks,
// or by different lanes of a block that passed no barrier in between. Lanes that write what is there already are none: blocks
// that all compute one number may all store it.
class Watch {
 public:
  Watch(const DeviceMemory &memory, const EmulatorModule &module) : memory_(memory), module_(module) {}

  // Notes an access; what is wrong about it in words, or "".
  std::string note(std::uint64_t place, std::size_t size, EmulatorAccess, const Moment &);
  // What is wrong about the last write, now that it is done, in words, or "". To be asked before the lane does anything else.
  std::string settle();

 private:
  // The last access of a kind; the block is `several` where more than one of them read, the lane where more than one of the block did.
  struct Trace {
    std::uint32_t block = none;
    std::uint32_t barriers = 0;
    std::uint32_t lane = 0;
    bool isAtomic = false;

    bool meets(const Moment &, bool isAtomic) const;
    void add(const Moment &, bool isAtomic);
  };

  struct Cell {
    Trace written, read;
  };

  // The cells of an array, one for each element of the least size that was seen.
  struct Shadow {
    std::size_t granule = 0;
    std::vector<Cell> cells;
  };

  static constexpr std::uint32_t none = 0xffffffff, several = 0xfffffffe;

  // `start` is the address of the shadow's array.
  std::string note(Shadow &, std::uint64_t start, std::size_t bytes, std::uint64_t place, std::size_t size, EmulatorAccess,
                   const Moment &);

  // A write that is a race if it changes anything.
  struct Doubt {
    std::uint64_t place = 0;
    std::size_t size = 0;
    char former[16] = {};
    std::string wrong;
  };

  const DeviceMemory &memory_;
  const EmulatorModule &module_;
  Doubt doubt_;
  std::map<std::uint64_t, Shadow> shadows_;
  // The array that was used last.
  DeviceMemory::Array last_{0, 0};
  Shadow *lastShadow_ = nullptr;
  // Of the `__shared__` variables, and the block they belong to.
  Shadow shared_;
  std::uint32_t sharedBlock_ = none;
};
