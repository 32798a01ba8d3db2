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
    Shadow &shadow = sharedShadow(moment.block, moment);
    const std::string wrong = note(shadow, shared, sharedBytes(), place, size, access, moment);
    if (!wrong.empty() || access == EmulatorAccess::read || moment.clusterSize == 1) return wrong;
    return noteBeforeCluster(shadow, place - shared, size, moment);
  }
  if (place - last_.address >= last_.bytes) {
    // What is not the device's are variables of lanes and of the module.
    if (!memory_.owns(place)) return "";
    const DeviceMemory::Array found = memory_.array(place);
    if (found.bytes == 0) return "an access " + memory_.describe(place);
    last_ = found;
    lastShadow_ = &shadows_[found.address];
  }
  if (size > last_.bytes - (place - last_.address)) return "an access across the end of an array";
  Moment inDevice = moment;
  inDevice.barriers = moment.deviceBarriers;
  if (moment.clusterSize > 1) {
    inDevice.block = moment.cluster;
    inDevice.barriers = moment.clusterBarriers;
    inDevice.lane = moment.laneInCluster;
  }
  return note(*lastShadow_, last_.address, last_.bytes, place, size, access, inDevice);
}

Watch::Shadow &Watch::sharedShadow(std::uint32_t block, const Moment &moment) {
  if (sharedCluster_ != moment.cluster) shared_.clear();
  sharedCluster_ = moment.cluster;
  return shared_[block];
}

std::string Watch::noteBeforeCluster(Shadow &shadow, std::size_t offset, std::size_t size, const Moment &moment) {
  for (std::size_t i = offset / shadow.granule; i <= (offset + size - 1) / shadow.granule; i++) {
    if (shadow.cells[i].clusterRead == moment.clusterBarriers) {
      return "it writes byte " + std::to_string(offset) +
             " of shared memory, which another block read since the last barrier of the cluster";
    }
    shadow.cells[i].clusterWritten = moment.clusterBarriers;
  }
  return "";
}

std::string Watch::noteFar(std::uint32_t block, std::size_t offset, std::size_t size, const Moment &moment) {
  Shadow &shadow = sharedShadow(block, moment);
  if (size > sharedBytes() - offset) return "an access across the end of shared memory";
  refine(shadow, sharedBytes(), size);
  for (std::size_t i = offset / shadow.granule; i <= (offset + size - 1) / shadow.granule; i++) {
    if (shadow.cells[i].clusterWritten == moment.clusterBarriers) {
      return "it reads byte " + std::to_string(offset) +
             " of shared memory, which its block wrote since the last barrier of the cluster";
    }
    shadow.cells[i].clusterRead = moment.clusterBarriers;
  }
  return "";
}

void Watch::refine(Shadow &shadow, std::size_t bytes, std::size_t size) {
  if (shadow.granule != 0 && size >= shadow.granule) return;
  shadow.granule = size;
  shadow.cells.assign(bytes / size + 1, Cell());
}

std::string Watch::note(Shadow &shadow, std::uint64_t start, std::size_t bytes, std::uint64_t place, std::size_t size,
                        EmulatorAccess access, const Moment &moment) {
  const std::size_t offset = place - start;
  refine(shadow, bytes, size);
  const bool isAtomic = access == EmulatorAccess::atomic, isRead = access == EmulatorAccess::read;
  // The word around a narrow element of shared memory may be the last.
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
