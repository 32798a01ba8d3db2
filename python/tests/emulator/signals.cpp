#include "signals.h"

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <pthread.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace {

const int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
constexpr int kFaultCount = 4;
constexpr std::size_t kStackBytes = std::size_t{128} << 10;

void (*landing)(int, std::uint64_t) = nullptr;
pthread_t owner;
volatile sig_atomic_t inLane = 0;
volatile sig_atomic_t late = 0;
int landedSignal = 0;
std::uint64_t landedAddress = 0;
struct sigaction former[kFaultCount];
struct sigaction formerTimeout;
timer_t timer;
bool hasTimer = false;
alignas(16) char landingStack[kStackBytes];

[[noreturn]] void land() {
  landing(landedSignal, landedAddress);
  std::abort();
}

// Goes on in `land` once the handler returns.
void redirect(int signal, std::uint64_t address, void *context) {
  landedSignal = signal;
  landedAddress = address;
  inLane = 0;
  auto *registers = &static_cast<ucontext_t *>(context)->uc_mcontext;
  const auto top = reinterpret_cast<std::uint64_t>(landingStack + kStackBytes);
  const auto target = reinterpret_cast<std::uint64_t>(&land);
#if defined(__x86_64__)
  registers->gregs[REG_RSP] = static_cast<greg_t>(top - 8);
  registers->gregs[REG_RIP] = static_cast<greg_t>(target);
#else
  registers->sp = top;
  registers->pc = target;
#endif
}

void handle(int signal, siginfo_t *info, void *context) {
  const bool isOwn = landing != nullptr && pthread_equal(pthread_self(), owner);
  if (signal == SignalGuard::timeoutSignal()) {
    if (isOwn && inLane) redirect(signal, 0, context);
    else late = 1;
    return;
  }
  if (isOwn && inLane) return redirect(signal, reinterpret_cast<std::uint64_t>(info->si_addr), context);
  for (int i = 0; i < kFaultCount; i++) {
    if (kFaults[i] != signal) continue;
    // The instruction runs again and meets what stood here before.
    sigaction(signal, &former[i], nullptr);
  }
}

// A stack for handlers: the lane's own may be what has run out.
void giveSignalStack() {
  stack_t known;
  if (sigaltstack(nullptr, &known) == 0 && !(known.ss_flags & SS_DISABLE)) return;
  static thread_local std::unique_ptr<char[]> memory(new char[kStackBytes]);
  stack_t own{};
  own.ss_sp = memory.get();
  own.ss_size = kStackBytes;
  sigaltstack(&own, nullptr);
}

int secondsAllowed() {
  const char *text = std::getenv("PARPY_EMULATOR_TIMEOUT");
  const int seconds = text ? std::atoi(text) : 0;
  return seconds > 0 ? seconds : 60;
}

}  // namespace

int SignalGuard::timeoutSignal() { return SIGRTMIN + 7; }
bool SignalGuard::isLate() { return late != 0; }
void SignalGuard::setInLane(bool value) { inLane = value; }

SignalGuard::SignalGuard(void (*land)(int, std::uint64_t)) {
  giveSignalStack();
  owner = pthread_self();
  landing = land;
  late = 0;
  struct sigaction action{};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (int i = 0; i < kFaultCount; i++) sigaction(kFaults[i], &action, &former[i]);
  sigaction(timeoutSignal(), &action, &formerTimeout);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = timeoutSignal();
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  hasTimer = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0;
  const int seconds = secondsAllowed();
  itimerspec time{};
  time.it_value.tv_sec = seconds;
  if (hasTimer) timer_settime(timer, 0, &time, nullptr);
}

SignalGuard::~SignalGuard() {
  inLane = 0;
  if (hasTimer) timer_delete(timer);
  for (int i = 0; i < kFaultCount; i++) sigaction(kFaults[i], &former[i], nullptr);
  sigaction(timeoutSignal(), &formerTimeout, nullptr);
  landing = nullptr;
}
