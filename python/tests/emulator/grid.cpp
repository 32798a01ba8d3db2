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

enum class LaneState { fresh, ready, atBarrier, together, ended };

struct Lane {
  LaneState state = LaneState::fresh;
  FiberStack stack{};
  FiberPoint point = nullptr;
  // Where it waits.
  int line = 0;
  unsigned ordered = 0;
  const EmulatorPart *part = nullptr;
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

// The lanes of one block after another.
class GridRun {
 public:
  GridRun(const Launch &launch, const DeviceMemory &memory)
      : launch_(launch), memory_(memory), watch_(memory, *launch.module) {
    lanes_.resize(std::size_t{launch.threads.x} * launch.threads.y * launch.threads.z);
  }

  std::optional<Failure> run();

  // What lanes ask for, on their own stacks.
  void barrier(int line, unsigned ordered);
  void together(const EmulatorPart *);
  void access(const void *place, std::size_t size, EmulatorAccess);
  [[noreturn]] void fault(int code, const std::string &what, int line);
  [[noreturn]] void land(int signal, std::uint64_t address);
  [[noreturn]] void runLane();

 private:
  void runBlock();
  void resume(std::size_t);
  void leave();
  bool isComplete(const EmulatorPart &) const;
  void complete(const EmulatorPart &);
  std::size_t warpStart() const { return running_ / 32 * 32; }
  bool isInWarp(unsigned lane, const EmulatorPart &) const;
  void releaseBarrier();
  void settle();
  void yield();
  std::string place() const;
  std::string states() const;
  EmulatorIndex index(std::size_t linear, const EmulatorIndex &extents) const;

  const Launch &launch_;
  const DeviceMemory &memory_;
  std::vector<Lane> lanes_;
  Turns turns_;
  std::size_t running_ = 0;
  Watch watch_;
  std::uint32_t block_ = 0, barriers_ = 0, deviceBarriers_ = 0;
  FiberPoint scheduler_ = nullptr;
  std::optional<Failure> failure_;
};

GridRun *current = nullptr;

// ---- The order ----

std::optional<Failure> GridRun::run() {
  // Blocks follow each other by a step that is prime to their number: all of them, in an order that looks like none.
  const std::uint64_t count = std::uint64_t{launch_.blocks.x} * launch_.blocks.y * launch_.blocks.z;
  const std::uint64_t start = dice.below(count);
  std::uint64_t step = 1 + dice.below(count);
  while (std::gcd(step, count) != 1) step++;
  std::uint64_t block = start;
  launch_.module->place->threads = launch_.threads;
  launch_.module->place->blocks = launch_.blocks;
  for (std::uint64_t i = 0; i < count && !failure_; i++) {
    launch_.module->place->block = index(block, launch_.blocks);
    block_ = static_cast<std::uint32_t>(block);
    barriers_ = deviceBarriers_ = 0;
    runBlock();
    block = (block + step) % count;
  }
  return failure_;
}

void GridRun::runBlock() {
  const auto *module = launch_.module;
  poison(module->sharedBegin, static_cast<std::size_t>(module->sharedEnd - module->sharedBegin));
  turns_ = Turns();
  turns_.start(lanes_.size());
  for (Lane &lane : lanes_) lane = Lane{};
  while (!failure_) {
    while (!turns_.isEmpty() && !failure_) {
      resume(turns_.take());
      if (SignalGuard::isLate() && !failure_) failure_ = Failure{timeout, place() + ": it does not end"};
    }
    if (failure_) break;
    const bool isOver = std::all_of(lanes_.begin(), lanes_.end(),
                                    [](const Lane &lane) { return lane.state == LaneState::ended; });
    if (isOver) break;
    releaseBarrier();
  }
  for (Lane &lane : lanes_) {
    if (lane.stack.low != nullptr) stacks.give(lane.stack);
  }
}

void GridRun::resume(std::size_t index) {
  Lane &lane = lanes_[index];
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

void GridRun::leave() { emulator_switch(&lanes_[running_].point, scheduler_); }

void GridRun::runLane() {
  launch_.kernel->call(launch_.arguments);
  SignalGuard::setInLane(false);
  settle();
  lanes_[running_].state = LaneState::ended;
  leave();
  __builtin_unreachable();
}

void GridRun::barrier(int line, unsigned ordered) {
  settle();
  lanes_[running_].state = LaneState::atBarrier;
  lanes_[running_].line = line;
  lanes_[running_].ordered = ordered;
  leave();
}

void GridRun::access(const void *place, std::size_t size, EmulatorAccess access) {
  if (SignalGuard::isLate()) fault(timeout, "it does not end", 0);
  settle();
  if (access == EmulatorAccess::atomic) yield();
  const Moment moment{block_, barriers_, deviceBarriers_, static_cast<std::uint32_t>(running_)};
  const std::string wrong = watch_.note(reinterpret_cast<std::uint64_t>(place), size, access, moment);
  if (!wrong.empty()) fault(launchFailed, wrong, 0);
}

// Ends the kernel if the lane's last write met that of another.
void GridRun::settle() {
  const std::string wrong = watch_.settle();
  if (!wrong.empty()) fault(launchFailed, wrong, 0);
}

void GridRun::yield() {
  if (turns_.isEmpty() || dice.below(4) != 0) return;
  turns_.add(running_);
  turns_.shuffle();
  leave();
}

// ---- The block ----

void GridRun::releaseBarrier() {
  const int line = lanes_[0].line;
  const bool isCommon = std::all_of(lanes_.begin(), lanes_.end(), [line](const Lane &lane) {
    return lane.state == LaneState::atBarrier && lane.line == line;
  });
  if (!isCommon) {
    failure_ = Failure{launchFailed, place() + ": the lanes wait for ever, as they have parted: " + states()};
    return;
  }
  barriers_ += (lanes_[0].ordered & sharedMemory) != 0;
  deviceBarriers_ += (lanes_[0].ordered & deviceMemory) != 0;
  turns_.start(lanes_.size());
}

// ---- The warp ----

bool GridRun::isInWarp(unsigned lane, const EmulatorPart &part) const {
  return (part.mask >> lane & 1) != 0 && warpStart() + lane < lanes_.size();
}

void GridRun::together(const EmulatorPart *part) {
  settle();
  lanes_[running_].part = part;
  lanes_[running_].line = part->line;
  if (!isInWarp(static_cast<unsigned>(running_ % 32), *part)) {
    fault(launchFailed, "the mask of a warp's function is without the lane that calls it", part->line);
  }
  lanes_[running_].state = LaneState::together;
  if (!isComplete(*part)) return leave();
  complete(*part);
  // The last one goes on like the others, in any order.
  leave();
}

bool GridRun::isComplete(const EmulatorPart &part) const {
  for (unsigned i = 0; i < 32; i++) {
    if (!(part.mask >> i & 1)) continue;
    if (warpStart() + i >= lanes_.size()) return false;
    const Lane &lane = lanes_[warpStart() + i];
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
    std::memcpy(&predicate, lanes_[warpStart() + i].part->value, sizeof predicate);
    if (predicate) ballot |= 1u << i;
  }
  for (unsigned i = 0; i < 32; i++) {
    if (!(part.mask >> i & 1)) continue;
    const EmulatorPart &own = *lanes_[warpStart() + i].part;
    if (own.kind == EmulatorTogether::ballot) std::memcpy(own.result, &ballot, sizeof ballot);
    if (own.kind == EmulatorTogether::shuffle) {
      if (!isInWarp(own.source % 32, part)) {
        fault(launchFailed, "a shuffle takes the value of a lane that has no part in it", part.line);
      }
      std::memcpy(own.result, lanes_[warpStart() + own.source % 32].part->value, own.size);
    }
  }
  // No lane counts as one that waits before it has come to the next such function.
  for (unsigned i = 0; i < 32; i++) {
    if (!(part.mask >> i & 1)) continue;
    lanes_[warpStart() + i].state = LaneState::ready;
    turns_.add(warpStart() + i);
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
  const auto low = reinterpret_cast<std::uint64_t>(lanes_[running_].stack.low);
  if (address < low && low - address <= 65536) fault(stackError, "the stack of the lane has run out", 0);
  fault(illegalAddress, "an access " + memory_.describe(address), 0);
}

std::string GridRun::place() const {
  const EmulatorIndex &block = launch_.module->place->block;
  return "kernel '" + launch_.name + "', block (" + std::to_string(block.x) + ", " + std::to_string(block.y) +
         ", " + std::to_string(block.z) + ")";
}

// Which lanes do what, as "lanes 0-31 wait at the barrier of line 12, lane 32 has ended".
std::string GridRun::states() const {
  std::map<std::string, std::string> groups;
  auto describe = [this](std::size_t i) {
    const Lane &lane = lanes_[i];
    if (lane.state == LaneState::ended) return std::string("at the end");
    const std::string line = " of line " + std::to_string(lane.line);
    return (lane.state == LaneState::atBarrier ? "at the barrier" : "at the warp's function") + line;
  };
  for (std::size_t i = 0; i < lanes_.size();) {
    std::size_t end = i + 1;
    while (end < lanes_.size() && describe(end) == describe(i)) end++;
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
