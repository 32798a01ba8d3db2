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
  // The same of its cluster: which it is, the barriers that the lane has passed, and the lane among those of all its blocks.
  std::uint32_t cluster, clusterBarriers, laneInCluster;
  // The blocks of a cluster.
  std::uint32_t clusterSize;
};

// The accesses of one launch.
//
// Two accesses of one place are a race where one of them writes, not both are atomic, and they are by lanes of different blocks,
// or by different lanes of a block that passed no barrier in between. Lanes that write what is there already are none: blocks
// that all compute one number may all store it. In a cluster it is the barriers of the cluster that order what is the device's.
class Watch {
 public:
  Watch(const DeviceMemory &memory, const EmulatorModule &module) : memory_(memory), module_(module) {}

  // Notes an access; what is wrong about it in words, or "".
  std::string note(std::uint64_t place, std::size_t size, EmulatorAccess, const Moment &);
  // The same of a read, by a lane of another block of the cluster, of bytes that the lanes of a block share.
  //
  // - block: whose they are; `offset` is their place in all that it shares.
  std::string noteFar(std::uint32_t block, std::size_t offset, std::size_t size, const Moment &);
  // What is wrong about the last write, now that it is done, in words, or "". To be asked before the lane does anything else.
  std::string settle();

 private:
  static constexpr std::uint32_t none = 0xffffffff, several = 0xfffffffe;

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
    // Of memory that a block shares: the barriers that the cluster had passed when it was last written, and read by another block.
    std::uint32_t clusterWritten = none, clusterRead = none;
  };

  // The cells of an array, one for each element of the least size that was seen.
  struct Shadow {
    std::size_t granule = 0;
    std::vector<Cell> cells;
  };


  // Of the variables that a block of the running cluster shares.
  Shadow &sharedShadow(std::uint32_t block, const Moment &);
  std::size_t sharedBytes() const { return static_cast<std::size_t>(module_.sharedEnd - module_.sharedBegin); }

  // `start` is the address of the shadow's array.
  std::string note(Shadow &, std::uint64_t start, std::size_t bytes, std::uint64_t place, std::size_t size, EmulatorAccess,
                   const Moment &);

  // Gives the shadow of so many bytes cells of at most `size`.
  static void refine(Shadow &, std::size_t bytes, std::size_t size);
  // Notes a write to what the block shares, which lanes of other blocks may have read.
  static std::string noteBeforeCluster(Shadow &, std::size_t offset, std::size_t size, const Moment &);

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
  // Of the `__shared__` variables of each block of the cluster that runs.
  std::map<std::uint32_t, Shadow> shared_;
  std::uint32_t sharedCluster_ = none;
};
