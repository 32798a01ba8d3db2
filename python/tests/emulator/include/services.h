// What compiled kernels and the emulator know of each other.
#ifndef PARPY_EMULATOR_SERVICES_H
#define PARPY_EMULATOR_SERVICES_H

struct EmulatorIndex {
  unsigned x, y, z;
};

// Where the running lane is; the emulator writes it before it goes on with one.
struct EmulatorPlace {
  EmulatorIndex thread, block, threads, blocks;
};

// What the lanes of a warp do together.
enum class EmulatorTogether { wait, shuffle, ballot };

// One lane's part in it.
struct EmulatorPart {
  EmulatorTogether kind;
  // The lanes that take part.
  unsigned mask;
  // The lane whose value a shuffle gives.
  unsigned source;
  // The value given and taken, and its bytes.
  const void *value;
  void *result;
  unsigned long size;
  // The line of the text.
  int line;
};

// How a lane uses memory. Others may go on before what is atomic.
enum class EmulatorAccess { read, write, atomic };

// Memory that a barrier orders: the device's, what the lanes of a block share.
enum EmulatorMemory : unsigned { deviceMemory = 1, sharedMemory = 2, allMemory = 3 };

// What a lane asks of the emulator.
struct EmulatorServices {
  // Waits for the block. What its lanes did before is done for those behind, in memory that `ordered` names by its bits.
  void (*barrier)(int line, unsigned ordered);
  void (*together)(const EmulatorPart *);
  // A lane is about to read or write so many bytes; called where the text is compiled to be watched.
  void (*access)(const void *place, unsigned long size, EmulatorAccess);
  // Says that the lane has come to the barrier of its cluster, and waits until all lanes of the cluster have.
  void (*arriveAtCluster)(int line);
  void (*waitForCluster)(int line);
  // The place of a variable that the lanes of a block share, in the block of another rank in the cluster.
  void *(*sharedOfRank)(const void *place, unsigned rank, int line);
  // Ends the kernel; `line` is 0 where it is not known.
  void (*fault)(const char *what, int line);
};

struct EmulatorParameter {
  unsigned long size;
  bool isPointer;
};

// One kernel of a module, under the name `emulator_kernel_NAME`.
struct EmulatorKernel {
  // Runs one lane; there is an address for each argument.
  void (*call)(void **arguments);
  const EmulatorParameter *parameters;
  unsigned long parameterCount;
  // Of `__launch_bounds__`, else 1024.
  unsigned maximumThreads;
  // The blocks along x that `__cluster_dims__` puts into a cluster.
  unsigned clusterSize = 1;
};

// What every module has, under the name `emulator_module`.
struct EmulatorModule {
  EmulatorPlace *place;
  const EmulatorServices **services;
  // Variables that are `__shared__`.
  char *sharedBegin, *sharedEnd;
};

#endif
