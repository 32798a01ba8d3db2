// Runs the lanes of a grid, block after block, in an order that a seed decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "include/services.h"
#include "memory.h"

// One launch of a kernel.
struct Launch {
  std::string name;
  const EmulatorKernel *kernel;
  const EmulatorModule *module;
  EmulatorIndex blocks, threads;
  void **arguments;
};

// Why a kernel ended early: the driver's number for it, and words.
struct Failure {
  int code;
  std::string text;
};

// Runs all lanes to their end, or until one fails.
//
// Requires: nothing else runs a grid meanwhile.
std::optional<Failure> runGrid(const Launch &, const DeviceMemory &);

// What the order of lanes and blocks follows from, before anything runs.
void seedLanes(std::uint64_t seed);
