#include "watch.h"

#include <algorithm>
#include <cstring>

bool Watch::Trace::meets(const Moment &moment, bool isAtomic) const {
  if (block == none || (isAtomic && this->isAtomic)) return false;
  if (block != moment.block) return true;
  return barriers == moment.barriers && lane != moment.lane;
}

void Watch::Trace::add(const Moment &moment, bool isAtomic) {
  if (block == none) {
    *this = {moment.block, moment.barriers, moment.lane, isAtomic};
  } else if (block != moment.block) {
    block = several;
    this->isAtomic &= isAtomic;
  } else if (barriers != moment.barriers) {
    *this = {moment.block, moment.barriers, moment.lane, isAtomic};
  } else {
    if (lane != moment.lane) lane = several;
    this->isAtomic &= isAtomic;
  }
}

std::string Watch::note(std::uint64_t place, std::size_t size, EmulatorAccess access, const Moment &moment) {
  const auto shared = reinterpret_cast<std::uint64_t>(module_.sharedBegin);
  const auto sharedEnd = reinterpret_cast<std::uint64_t>(module_.sharedEnd);
  if (place >= shared && place < sharedEnd) {
    if (sharedBlock_ != moment.block) shared_ = Shadow();
    sharedBlock_ = moment.block;
    return note(shared_, shared, sharedEnd - shared, place, size, access, moment);
  }
  if (place - last_.address >= last_.bytes) {
    // What is not the device's are variables of lanes and of the module.
    if (!memory_.owns(place)) return "";
    const DeviceMemory::Array found = memory_.array(place);
    if (found.bytes == 0) return "an access " + memory_.describe(place);
    last_ = found;
    lastShadow_ = &shadows_[found.address];
  }
  // Narrow elements are changed by way of the word around them, which may be the last of the allocation.
  const bool isWord = access == EmulatorAccess::atomic && place % size == 0;
  if (size > last_.bytes - (place - last_.address) && !isWord) return "an access across the end of an array";
  Moment inDevice = moment;
  inDevice.barriers = moment.deviceBarriers;
  return note(*lastShadow_, last_.address, last_.bytes, place, size, access, inDevice);
}

std::string Watch::note(Shadow &shadow, std::uint64_t start, std::size_t bytes, std::uint64_t place, std::size_t size,
                        EmulatorAccess access, const Moment &moment) {
  const std::size_t offset = place - start;
  if (shadow.granule == 0 || size < shadow.granule) {
    shadow.granule = size;
    shadow.cells.assign(bytes / size + 1, Cell());
  }
  const bool isAtomic = access == EmulatorAccess::atomic, isRead = access == EmulatorAccess::read;
  const std::size_t last = std::min(offset + size, bytes) - 1;
  for (std::size_t i = offset / shadow.granule; i <= last / shadow.granule; i++) {
    Cell &cell = shadow.cells[i];
    const bool meetsWrite = cell.written.meets(moment, isAtomic);
    if (meetsWrite || (!isRead && cell.read.meets(moment, isAtomic))) {
      const Trace &other = meetsWrite ? cell.written : cell.read;
      const bool isFar = other.block != moment.block;
      const std::string who = isFar                   ? "another block"
                              : other.lane == several ? "other lanes"
                                                      : "lane " + std::to_string(other.lane);
      const std::string wrong = std::string("it ") + (isRead ? "reads" : "writes") + " byte " + std::to_string(offset) +
                                " of an array of " + std::to_string(bytes) + ", which " + who +
                                (meetsWrite ? " wrote" : " read") +
                                (isFar ? " in the same launch" : " since the last barrier");
      if (access != EmulatorAccess::write) return wrong;
      doubt_.place = place;
      doubt_.size = size;
      doubt_.wrong = wrong;
      std::memcpy(doubt_.former, reinterpret_cast<const void *>(place), size);
    }
    // An atomic access is one that writes: atomic ones do not meet.
    (isRead ? cell.read : cell.written).add(moment, isAtomic);
  }
  return "";
}

std::string Watch::settle() {
  if (doubt_.size == 0) return "";
  const bool isSame = std::memcmp(doubt_.former, reinterpret_cast<const void *>(doubt_.place), doubt_.size) == 0;
  doubt_.size = 0;
  return isSame ? "" : doubt_.wrong;
}
