// Memory of the emulated device: each allocation between pages that must not be touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t capacity) : capacity_(capacity) {}

  // What all memory holds before it is written: as a float of any width, NaN.
  static constexpr std::uint16_t kPoison = 0xfff1;

  // The address of new memory, a multiple of 256; 0 where there is none left.
  std::uint64_t allocate(std::size_t bytes);
  // False for an address that was not allocated.
  bool free(std::uint64_t address);
  // Whether all of the bytes lie in one allocation.
  bool contains(std::uint64_t address, std::size_t bytes) const;
  // An allocation beside which something was written since it was asked for last, in words; "" where there is none.
  std::string damage();
  // Where an address lies, in words.
  std::string describe(std::uint64_t address) const;

  std::size_t liveBytes() const { return live_; }
  // What the device is said to have.
  std::size_t capacity() const { return capacity_; }

  // An allocation.
  struct Array {
    std::uint64_t address;
    std::size_t bytes;
  };
  // The one in which an address lies; none where `bytes` is 0.
  Array array(std::uint64_t address) const;
  // Whether an address is the device's, in an array or beside one.
  bool owns(std::uint64_t address) const;

 private:
  struct Region {
    char *pages;
    std::size_t pageBytes;
    char *data;
    std::size_t bytes;
  };

  // Whether nothing was written beside the data; afterwards nothing is.
  static bool restore(const Region &);

  // The start of so many bytes of the arena that are free; null where there are none.
  char *gap(std::size_t bytes);

  std::size_t capacity_;
  // By the address of the data.
  std::map<std::uint64_t, Region> regions_;
  // Addresses that belong to the device, whatever lies there.
  char *arena_ = nullptr;
  // Where the next allocation is tried.
  std::size_t cursor_ = 0;
  std::size_t live_ = 0;
};

// Fills memory with what nobody has written.
void poison(char *memory, std::size_t bytes);
