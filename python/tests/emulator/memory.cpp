#include "memory.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr std::size_t kAlignment = 256;
constexpr unsigned char kCanary = 0xa5;
// The addresses of the device, of which allocations lie in the middle half: an index has to be far out to reach
// anything of the host's.
constexpr std::size_t kArena = std::size_t{64} << 30;
constexpr std::size_t kFirst = kArena / 4, kLast = kArena / 4 * 3;
// On both sides of an allocation.
constexpr std::size_t kGuard = std::size_t{1} << 20;
// More is not filled: it would take longer than what is tested.
constexpr std::size_t kMostPoisoned = std::size_t{64} << 20;

std::size_t page() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

std::size_t roundedUp(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

bool isCanary(const char *from, const char *to) {
  return std::all_of(from, to, [](char c) { return static_cast<unsigned char>(c) == kCanary; });
}

}  // namespace

void poison(char *memory, std::size_t bytes) {
  const std::uint16_t word = DeviceMemory::kPoison;
  const std::size_t count = std::min(bytes, kMostPoisoned);
  for (std::size_t i = 0; i + 1 < count; i += 2) std::memcpy(memory + i, &word, 2);
  if (count % 2) memory[count - 1] = static_cast<char>(word & 0xff);
}

char *DeviceMemory::gap(std::size_t bytes) {
  if (arena_ == nullptr) {
    void *memory = mmap(nullptr, kArena, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    arena_ = static_cast<char *>(memory);
    cursor_ = kFirst;
  }
  for (int attempt = 0; attempt < 2; attempt++) {
    std::size_t start = cursor_;
    for (const auto &[address, region] : regions_) {
      const auto low = static_cast<std::size_t>(region.pages - arena_);
      if (low < start + bytes && start < low + region.pageBytes) start = low + region.pageBytes;
    }
    if (start + bytes <= kLast) {
      cursor_ = start + bytes;
      return arena_ + start;
    }
    cursor_ = kFirst;
  }
  return nullptr;
}

std::uint64_t DeviceMemory::allocate(std::size_t bytes) {
  if (bytes == 0 || bytes > capacity_ - live_) return 0;
  const std::size_t used = roundedUp(bytes, kAlignment);
  const std::size_t inner = roundedUp(used, page());
  const std::size_t total = inner + 2 * kGuard;
  char *memory = gap(total);
  if (memory == nullptr) return 0;
  Region region{memory, total, nullptr, bytes};
  char *first = region.pages + kGuard;
  // The system has a limit on the parts of a process's memory that may be accessed in other ways.
  if (mprotect(first, inner, PROT_READ | PROT_WRITE) != 0) return 0;
  // The end lies as near to the page behind it as its alignment lets it.
  region.data = first + inner - used;
  restore(region);
  poison(region.data, bytes);
  live_ += bytes;
  const auto address = reinterpret_cast<std::uint64_t>(region.data);
  regions_[address] = region;
  return address;
}

bool DeviceMemory::free(std::uint64_t address) {
  const auto found = regions_.find(address);
  if (found == regions_.end()) return false;
  live_ -= found->second.bytes;
  // What it held is given back to the system; the addresses stay.
  mmap(found->second.pages, found->second.pageBytes, PROT_NONE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  regions_.erase(found);
  return true;
}

bool DeviceMemory::contains(std::uint64_t address, std::size_t bytes) const {
  auto next = regions_.upper_bound(address);
  if (next == regions_.begin()) return false;
  const auto &[start, region] = *--next;
  const std::uint64_t offset = address - start;
  return offset <= region.bytes && bytes <= region.bytes - offset && (bytes > 0 || offset < region.bytes);
}

DeviceMemory::Array DeviceMemory::array(std::uint64_t address) const {
  auto next = regions_.upper_bound(address);
  if (next == regions_.begin()) return {0, 0};
  const auto &[start, region] = *--next;
  return address - start < region.bytes ? Array{start, region.bytes} : Array{0, 0};
}

bool DeviceMemory::owns(std::uint64_t address) const {
  const auto low = reinterpret_cast<std::uint64_t>(arena_);
  return arena_ != nullptr && address >= low && address < low + kArena;
}

bool DeviceMemory::restore(const Region &region) {
  char *first = region.pages + kGuard, *last = region.pages + region.pageBytes - kGuard;
  char *end = region.data + region.bytes;
  if (isCanary(first, region.data) && isCanary(end, last)) return true;
  std::memset(first, kCanary, static_cast<std::size_t>(region.data - first));
  std::memset(end, kCanary, static_cast<std::size_t>(last - end));
  return false;
}

std::string DeviceMemory::damage() {
  std::string found;
  for (const auto &[address, region] : regions_) {
    if (restore(region)) continue;
    found = "memory beside an array of " + std::to_string(region.bytes) + " bytes was written";
  }
  return found;
}

std::string DeviceMemory::describe(std::uint64_t address) const {
  for (const auto &[start, region] : regions_) {
    const auto low = reinterpret_cast<std::uint64_t>(region.pages);
    if (address < low || address >= low + region.pageBytes) continue;
    const std::string array = " an array of " + std::to_string(region.bytes) + " bytes";
    if (address < start) return std::to_string(start - address) + " bytes before" + array;
    if (address >= start + region.bytes) {
      return std::to_string(address - start - region.bytes) + " bytes behind" + array;
    }
    return "in" + array;
  }
  if (owns(address)) return "far beside all arrays of the device";
  char digits[32];
  std::snprintf(digits, sizeof digits, "0x%llx", static_cast<unsigned long long>(address));
  return std::string("at ") + digits + ", outside of all memory of the device";
}
