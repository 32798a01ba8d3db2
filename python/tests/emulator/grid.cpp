#include "grid.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <map>
#include <numeric>
#include <vector>

#include "fibers.h"
#include "signals.h"
#include "watch.h"

namespace {

// The numbers of the CUDA driver for what a kernel can do wrong.
enum Code { illegalAddress = 700, timeout = 702, stackError = 714, illegalInstruction = 715, launchFailed = 719 };

enum class LaneState { fresh, ready, atBarrier, atCluster, together, ended };

struct Lane {
  LaneState state = LaneState::fresh;
  FiberStack stack{};
  FiberPoint point = nullptr;
  // Where it waits.
  int line = 0;
  unsigned ordered = 0;
  const EmulatorPart *part = nullptr;
  // The barriers of the cluster that it has come to, and those it has passed.
  std::uint32_t arrivals = 0, clusterBarriers = 0;
};

// Marsaglia's xorshift64*: the same order on every machine.
class Random {
 public:
  void seed(std::uint64_t seed) { state_ = seed * 0x9e3779b97f4a7c15ull + 0x2545f4914f6cdd1dull; }
  std::uint64_t below(std::uint64_t limit) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return ((state_ * 0x2545f4914f6cdd1dull) >> 33) % limit;
  }

 private:
  std::uint64_t state_ = 0x2545f4914f6cdd1dull;
};

Random dice;
FiberStacks stacks;

// The lanes that can go on. Warps take turns in an order that is drawn anew now and then, so that one of them may come far ahead
// of another; in a warp lanes are drawn.
class Turns {
 public:
  void start(std::size_t lanes) {
    waiting_.assign((lanes + 31) / 32, {});
    order_.resize(waiting_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    for (std::size_t lane = 0; lane < lanes; lane++) add(lane);
    shuffle();
  }
  void add(std::size_t lane) {
    waiting_[lane / 32].push_back(lane);
    count_ += 1;
  }
  void shuffle() {
    for (std::size_t i = order_.size(); i > 1; i--) std::swap(order_[i - 1], order_[dice.below(i)]);
  }
  bool isEmpty() const { return count_ == 0; }
  // Requires: there is a lane.
  std::size_t take() {
    for (const std::size_t warp : order_) {
      auto &lanes = waiting_[warp];
      if (lanes.empty()) continue;
      std::swap(lanes[dice.below(lanes.size())], lanes.back());
      const std::size_t lane = lanes.back();
      lanes.pop_back();
      count_ -= 1;
      return lane;
    }
    return 0;
  }

 private:
  std::vector<std::vector<std::size_t>> waiting_;
  std::vector<std::size_t> order_;
  std::size_t count_ = 0;
};

// A block that runs.
struct Block {
  std::vector<Lane> lanes;
  Turns turns;
  std::uint32_t index = 0, barriers = 0, deviceBarriers = 0;
  // What its lanes share, while those of another block run.
  std::vector<char> shared;

  bool isOver() const {
    return std::all_of(lanes.begin(), lanes.end(), [](const Lane &lane) { return lane.state == LaneState::ended; });
  }
};

// The lanes of one block after another, or of the blocks of one cluster after another.
class GridRun {
 public:
  GridRun(const Launch &launch, const DeviceMemory &memory)
      : launch_(launch), memory_(memory), watch_(memory, *launch.module), blocks_(launch.kernel->clusterSize) {
    for (Block &block : blocks_) {
      block.lanes.resize(std::size_t{launch.threads.x} * launch.threads.y * launch.threads.z);
    }
  }

  std::optional<Failure> run();

  // What lanes ask for, on their own stacks.
  void barrier(int line, unsigned ordered);
  void together(const EmulatorPart *);
  void arriveAtCluster(int line);
  void waitForCluster(int line);
  void *sharedOfRank(const void *place, unsigned rank, int line);
  void access(const void *place, std::size_t size, EmulatorAccess);
  [[noreturn]] void fault(int code, const std::string &what, int line);
  [[noreturn]] void land(int signal, std::uint64_t address);
  [[noreturn]] void runLane();

 private:
  void runCluster(std::uint64_t first);
  // Chooses a block whose lanes can go on; false where there is none.
  bool chooseBlock();
  void enter(std::size_t rank);
  void resume(std::size_t);
  void leave();
  bool isComplete(const EmulatorPart &) const;
  void complete(const EmulatorPart &);
  std::size_t warpStart() const { return running_ / 32 * 32; }
  bool isInWarp(unsigned lane, const EmulatorPart &) const;
  // Lets the lanes of a block go on that wait for each other; false where they do not.
  bool releaseBarrier(Block &);
  void settle();
  Block &block() { return blocks_[rank_]; }
  const Block &block() const { return blocks_[rank_]; }
  Lane &lane() { return block().lanes[running_]; }
  // The bytes that the lanes of a block share.
  std::size_t sharedBytes() const {
    return static_cast<std::size_t>(launch_.module->sharedEnd - launch_.module->sharedBegin);
  }
  void yield();
  std::string place() const;
  std::string states(const Block &) const;
  EmulatorIndex index(std::size_t linear, const EmulatorIndex &extents) const;

  const Launch &launch_;
  const DeviceMemory &memory_;
  Watch watch_;
  // Those of a cluster; which of them runs, and which of its lanes.
  std::vector<Block> blocks_;
  std::size_t rank_ = 0, running_ = 0;
  // The lanes that have come to the next barrier of the cluster, and how many of these are passed.
  std::size_t arrived_ = 0;
  std::uint32_t clusterBarriers_ = 0;
  FiberPoint scheduler_ = nullptr;
  std::optional<Failure> failure_;
};

GridRun *current = nullptr;

// ---- The order ----

std::optional<Failure> GridRun::run() {
  // Clusters follow each other by a step that is prime to their number: all of them, in an order that looks like none.
  const std::uint64_t blocks = std::uint64_t{launch_.blocks.x} * launch_.blocks.y * launch_.blocks.z;
  const std::uint64_t count = blocks / blocks_.size();
  const std::uint64_t start = dice.below(count);
  std::uint64_t step = 1 + dice.below(count);
  while (std::gcd(step, count) != 1) step++;
  std::uint64_t cluster = start;
  launch_.module->place->threads = launch_.threads;
  launch_.module->place->blocks = launch_.blocks;
  for (std::uint64_t i = 0; i < count && !failure_; i++) {
    runCluster(cluster * blocks_.size());
    cluster = (cluster + step) % count;
  }
  return failure_;
}

void GridRun::runCluster(std::uint64_t first) {
  poison(launch_.module->sharedBegin, sharedBytes());
  arrived_ = clusterBarriers_ = 0;
  for (std::size_t rank = 0; rank < blocks_.size(); rank++) {
    Block &block = blocks_[rank];
    block.index = static_cast<std::uint32_t>(first + rank);
    block.barriers = block.deviceBarriers = 0;
    block.turns = Turns();
    block.turns.start(block.lanes.size());
    for (Lane &lane : block.lanes) lane = Lane{};
    if (blocks_.size() > 1) block.shared.assign(launch_.module->sharedBegin, launch_.module->sharedEnd);
  }
  launch_.module->place->block = index(first, launch_.blocks);
  rank_ = 0;
  while (!failure_ && chooseBlock()) {
    // The blocks of a cluster take turns, too.
    const std::uint64_t most = blocks_.size() == 1 ? ~0ull : 1 + dice.below(2 * block().lanes.size());
    for (std::uint64_t i = 0; i < most && !block().turns.isEmpty() && !failure_; i++) {
      resume(block().turns.take());
      if (SignalGuard::isLate() && !failure_) failure_ = Failure{timeout, place() + ": it does not end"};
    }
  }
  for (Block &block : blocks_) {
    for (Lane &lane : block.lanes) {
      if (lane.stack.low != nullptr) stacks.give(lane.stack);
    }
  }
}

bool GridRun::chooseBlock() {
  std::vector<std::size_t> ready;
  for (std::size_t rank = 0; rank < blocks_.size(); rank++) {
    if (!blocks_[rank].turns.isEmpty() || releaseBarrier(blocks_[rank])) ready.push_back(rank);
  }
  if (!ready.empty()) {
    enter(ready.size() == 1 ? ready[0] : ready[dice.below(ready.size())]);
    return true;
  }
  for (std::size_t rank = 0; rank < blocks_.size(); rank++) {
    if (blocks_[rank].isOver()) continue;
    enter(rank);
    failure_ = Failure{launchFailed, place() + ": the lanes wait for ever, as they have parted: " + states(block())};
    break;
  }
  return false;
}

// What the lanes of a block share is at one place for all blocks: it is moved.
void GridRun::enter(std::size_t rank) {
  if (rank == rank_) return;
  const auto *module = launch_.module;
  std::copy(module->sharedBegin, module->sharedEnd, block().shared.begin());
  rank_ = rank;
  std::copy(block().shared.begin(), block().shared.end(), module->sharedBegin);
  module->place->block = index(block().index, launch_.blocks);
}

void GridRun::resume(std::size_t index) {
  Lane &lane = block().lanes[index];
  running_ = index;
  launch_.module->place->thread = this->index(index, launch_.threads);
  if (lane.state == LaneState::fresh) {
    lane.stack = stacks.take();
    lane.point = lane.stack.start([] { current->runLane(); });
  }
  lane.state = LaneState::ready;
  const FiberPoint point = lane.point;
  SignalGuard::setInLane(true);
  emulator_switch(&scheduler_, point);
  SignalGuard::setInLane(false);
  if (lane.state == LaneState::ended) {
    stacks.give(lane.stack);
    lane.stack = FiberStack{};
  }
}

EmulatorIndex GridRun::index(std::size_t linear, const EmulatorIndex &extents) const {
  const auto rest = linear / extents.x;
  return {static_cast<unsigned>(linear % extents.x), static_cast<unsigned>(rest % extents.y),
          static_cast<unsigned>(rest / extents.y)};
}

// ---- What lanes ask for ----

void GridRun::leave() { emulator_switch(&lane().point, scheduler_); }

void GridRun::runLane() {
  launch_.kernel->call(launch_.arguments);
  SignalGuard::setInLane(false);
  settle();
  lane().state = LaneState::ended;
  leave();
  __builtin_unreachable();
}

void GridRun::barrier(int line, unsigned ordered) {
  settle();
  lane().state = LaneState::atBarrier;
  lane().line = line;
  lane().ordered = ordered;
  leave();
}

void GridRun::access(const void *place, std::size_t size, EmulatorAccess access) {
  if (SignalGuard::isLate()) fault(timeout, "it does not end", 0);
  settle();
  const char *byte = static_cast<const char *>(place);
  const bool isShared = byte >= launch_.module->sharedBegin && byte < launch_.module->sharedEnd;
  if (lane().arrivals != lane().clusterBarriers && (isShared || memory_.owns(reinterpret_cast<std::uint64_t>(place)))) {
    fault(launchFailed, "an access between coming to the barrier of the cluster and waiting there", 0);
  }
  if (access == EmulatorAccess::atomic) yield();
  const auto count = static_cast<std::uint32_t>(blocks_.size());
  const auto running = static_cast<std::uint32_t>(running_);
  const Moment moment{block().index,         block().barriers, block().deviceBarriers, running, block().index / count,
                      lane().clusterBarriers, static_cast<std::uint32_t>(rank_ * block().lanes.size() + running_),
                      count};
  std::string wrong;
  for (const Block &other : blocks_) {
    if (byte < other.shared.data() || byte >= other.shared.data() + other.shared.size()) continue;
    if (access != EmulatorAccess::read) fault(launchFailed, "it writes shared memory of another block", 0);
    if (other.isOver()) fault(launchFailed, "it reads shared memory of a block that has ended", 0);
    wrong = watch_.noteFar(other.index, static_cast<std::size_t>(byte - other.shared.data()), size, moment);
    if (!wrong.empty()) fault(launchFailed, wrong, 0);
    return;
  }
  wrong = watch_.note(reinterpret_cast<std::uint64_t>(place), size, access, moment);
  if (!wrong.empty()) fault(launchFailed, wrong, 0);
}

// Ends the kernel if the lane's last write met that of another.
void GridRun::settle() {
  const std::string wrong = watch_.settle();
  if (!wrong.empty()) fault(launchFailed, wrong, 0);
}

void GridRun::yield() {
  if (block().turns.isEmpty() || dice.below(4) != 0) return;
  block().turns.add(running_);
  block().turns.shuffle();
  leave();
}

// ---- The block ----

bool GridRun::releaseBarrier(Block &block) {
  const int line = block.lanes[0].line;
  const bool isCommon = std::all_of(block.lanes.begin(), block.lanes.end(), [line](const Lane &lane) {
    return lane.state == LaneState::atBarrier && lane.line == line;
  });
  if (!isCommon) return false;
  block.barriers += (block.lanes[0].ordered & sharedMemory) != 0;
  block.deviceBarriers += (block.lanes[0].ordered & deviceMemory) != 0;
  block.turns.start(block.lanes.size());
  return true;
}

// ---- The cluster ----

void GridRun::arriveAtCluster(int line) {
  settle();
  if (lane().arrivals != lane().clusterBarriers) {
    fault(launchFailed, "it comes to the barrier of the cluster and has not waited there before", line);
  }
  lane().arrivals += 1;
  arrived_ += 1;
  if (arrived_ < blocks_.size() * block().lanes.size()) return;
  arrived_ = 0;
  clusterBarriers_ += 1;
  for (Block &other : blocks_) {
    other.barriers += 1;
    for (std::size_t i = 0; i < other.lanes.size(); i++) {
      if (other.lanes[i].state != LaneState::atCluster) continue;
      other.lanes[i].state = LaneState::ready;
      other.turns.add(i);
    }
  }
}

void GridRun::waitForCluster(int line) {
  settle();
  if (lane().arrivals == lane().clusterBarriers) {
    fault(launchFailed, "it waits at the barrier of the cluster and has not come there", line);
  }
  if (clusterBarriers_ < lane().arrivals) {
    lane().state = LaneState::atCluster;
    lane().line = line;
    leave();
  }
  lane().clusterBarriers += 1;
}

void *GridRun::sharedOfRank(const void *place, unsigned rank, int line) {
  const char *byte = static_cast<const char *>(place), *begin = launch_.module->sharedBegin;
  if (byte < begin || byte >= launch_.module->sharedEnd) fault(launchFailed, "it maps what is not shared memory", line);
  if (rank >= blocks_.size()) fault(launchFailed, "the cluster has no block of rank " + std::to_string(rank), line);
  if (rank == rank_) return const_cast<char *>(byte);
  return blocks_[rank].shared.data() + (byte - begin);
}

// ---- The warp ----

bool GridRun::isInWarp(unsigned lane, const EmulatorPart &part) const {
  return (part.mask >> lane & 1) != 0 && warpStart() + lane < block().lanes.size();
}

void GridRun::together(const EmulatorPart *part) {
  settle();
  lane().part = part;
  lane().line = part->line;
  if (!isInWarp(static_cast<unsigned>(running_ % 32), *part)) {
    fault(launchFailed, "the mask of a warp's function is without the lane that calls it", part->line);
  }
  lane().state = LaneState::together;
  if (!isComplete(*part)) return leave();
  complete(*part);
  // The last one goes on like the others, in any order.
  leave();
}

bool GridRun::isComplete(const EmulatorPart &part) const {
  for (unsigned i = 0; i < 32; i++) {
    if (!(part.mask >> i & 1)) continue;
    if (warpStart() + i >= block().lanes.size()) return false;
    const Lane &lane = block().lanes[warpStart() + i];
    const bool isThere = lane.state == LaneState::together && lane.part->kind == part.kind &&
                         lane.part->mask == part.mask && lane.part->line == part.line &&
                         lane.part->size == part.size;
    if (!isThere) return false;
  }
  return true;
}

void GridRun::complete(const EmulatorPart &part) {
  unsigned ballot = 0;
  for (unsigned i = 0; i < 32; i++) {
    if (!(part.mask >> i & 1) || part.kind != EmulatorTogether::ballot) continue;
    int predicate;
    std::memcpy(&predicate, block().lanes[warpStart() + i].part->value, sizeof predicate);
    if (predicate) ballot |= 1u << i;
  }
  for (unsigned i = 0; i < 32; i++) {
    if (!(part.mask >> i & 1)) continue;
    const EmulatorPart &own = *block().lanes[warpStart() + i].part;
    if (own.kind == EmulatorTogether::ballot) std::memcpy(own.result, &ballot, sizeof ballot);
    if (own.kind == EmulatorTogether::shuffle) {
      if (!isInWarp(own.source % 32, part)) {
        fault(launchFailed, "a shuffle takes the value of a lane that has no part in it", part.line);
      }
      std::memcpy(own.result, block().lanes[warpStart() + own.source % 32].part->value, own.size);
    }
  }
  // No lane counts as one that waits before it has come to the next such function.
  for (unsigned i = 0; i < 32; i++) {
    if (!(part.mask >> i & 1)) continue;
    block().lanes[warpStart() + i].state = LaneState::ready;
    block().turns.add(warpStart() + i);
  }
}

// ---- Failures ----

void GridRun::fault(int code, const std::string &what, int line) {
  const std::string where = line > 0 ? " at line " + std::to_string(line) : "";
  failure_ = Failure{code, place() + ", lane " + std::to_string(running_) + where + ": " + what};
  leave();
  __builtin_unreachable();
}

void GridRun::land(int signal, std::uint64_t address) {
  if (signal == SignalGuard::timeoutSignal()) fault(timeout, "it does not end", 0);
  if (signal == SIGFPE) fault(illegalInstruction, "an integer division by zero, or one that overflows", 0);
  if (signal == SIGILL) fault(illegalInstruction, "an illegal instruction", 0);
  const auto low = reinterpret_cast<std::uint64_t>(lane().stack.low);
  if (address < low && low - address <= 65536) fault(stackError, "the stack of the lane has run out", 0);
  fault(illegalAddress, "an access " + memory_.describe(address), 0);
}

std::string GridRun::place() const {
  const EmulatorIndex &block = launch_.module->place->block;
  return "kernel '" + launch_.name + "', block (" + std::to_string(block.x) + ", " + std::to_string(block.y) +
         ", " + std::to_string(block.z) + ")";
}

// Which lanes do what, as "lanes 0-31 wait at the barrier of line 12, lane 32 has ended".
std::string GridRun::states(const Block &block) const {
  std::map<std::string, std::string> groups;
  auto describe = [&block](std::size_t i) {
    const Lane &lane = block.lanes[i];
    if (lane.state == LaneState::ended) return std::string("at the end");
    const std::string line = " of line " + std::to_string(lane.line);
    if (lane.state == LaneState::atCluster) return "at the barrier of the cluster" + line;
    return (lane.state == LaneState::atBarrier ? "at the barrier" : "at the warp's function") + line;
  };
  for (std::size_t i = 0; i < block.lanes.size();) {
    std::size_t end = i + 1;
    while (end < block.lanes.size() && describe(end) == describe(i)) end++;
    std::string &group = groups[describe(i)];
    group += (group.empty() ? "" : ", ") + std::to_string(i);
    if (end > i + 1) group += "-" + std::to_string(end - 1);
    i = end;
  }
  std::string text;
  for (const auto &[what, lanes] : groups) {
    const std::string shown = lanes.size() > 80 ? lanes.substr(0, 80) + "..." : lanes;
    text += (text.empty() ? "" : "; ") + what + " are lanes " + shown;
  }
  return text;
}

}  // namespace

// ---- The interface ----

namespace {

// The emulator's own code is no lane's: a signal in it must not end one.
struct InEmulator {
  InEmulator() { SignalGuard::setInLane(false); }
  ~InEmulator() { SignalGuard::setInLane(true); }
};

const EmulatorServices services = {
    [](int line, unsigned ordered) {
      InEmulator guard;
      current->barrier(line, ordered);
    },
    [](const EmulatorPart *part) {
      InEmulator guard;
      current->together(part);
    },
    [](const void *place, unsigned long size, EmulatorAccess access) {
      InEmulator guard;
      current->access(place, size, access);
    },
    [](int line) {
      InEmulator guard;
      current->arriveAtCluster(line);
    },
    [](int line) {
      InEmulator guard;
      current->waitForCluster(line);
    },
    [](const void *place, unsigned rank, int line) {
      InEmulator guard;
      return current->sharedOfRank(place, rank, line);
    },
    [](const char *what, int line) {
      InEmulator guard;
      current->fault(launchFailed, what, line);
    },
};

}  // namespace

void seedLanes(std::uint64_t seed) { dice.seed(seed); }

std::optional<Failure> runGrid(const Launch &launch, const DeviceMemory &memory) {
  GridRun run(launch, memory);
  current = &run;
  *launch.module->services = &services;
  std::optional<Failure> failure;
  {
    SignalGuard guard([](int signal, std::uint64_t address) { current->land(signal, address); });
    failure = run.run();
  }
  current = nullptr;
  return failure;
}
