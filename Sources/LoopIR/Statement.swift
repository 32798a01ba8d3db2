import Syntax

/// A statement of the loop IR, and of the program that scheduling makes of it.
public struct Statement: Sendable, Hashable {
  /// What a statement is made of.
  public indirect enum Kind: Sendable, Hashable {
    case assign(VariableID, Expression)
    case store(BufferID, [Expression], Expression)
    /// Calls a function that is not compiled with this one.
    case call(ForeignCall)
    case loop(ForLoop)
    case whileLoop(condition: Expression, body: [Statement])
    case conditional(Expression, then: [Statement], otherwise: [Statement])
    /// `with parpy.gpu:`; its body runs on the device.
    case device([Statement])
    /// Makes a temporary buffer, which lives for `body`.
    case allocate(BufferID, body: [Statement])
    /// Two lengths, int64, that must be equal here: where they are not, the function is left with an error.
    case requireEqual(Expression, Expression)
    /// Only in a program's host part: runs a kernel.
    case launch(KernelID)
    /// Only in a device kernel: all threads of a block wait here for one another, and then see what each has stored.
    case barrier
  }

  public var kind: Kind
  public var span: Span

  /// Creates a statement.
  public init(_ kind: Kind, at span: Span = .none) {
    self.kind = kind
    self.span = span
  }
}

/// Names a kernel of a program.
public struct KernelID: Sendable, Hashable {
  public let index: Int

  /// Creates the name of the kernel at `index` of the program's table.
  public init(_ index: Int) { self.index = index }
}

/// `for variable in range(lower, upper, step)` with what is known of it and what was decided about it.
public struct ForLoop: Sendable, Hashable {
  /// An int64 that no statement of the body assigns.
  public var variable: VariableID
  /// Evaluated once, on entry; int64.
  public var lower: Expression
  /// Evaluated once, on entry; int64.
  public var upper: Expression
  /// Never zero.
  public var step: Int
  /// A bool, evaluated before each iteration; the loop ends where it is false. Nil where only the range ends it.
  public var condition: Expression?
  public var body: [Statement]
  /// The labels that name the loop, outermost use first.
  public var labels: [String]
  /// True where the iterations are known not to depend on each other, as those of a slice statement.
  public var isIndependent: Bool
  /// The accumulators whose operations may be re-associated, because the user declared the reduction.
  public var reductions: [Reduction]
  /// The buffers whose elements several iterations may update, because the user declared the reduction.
  public var updates: [BufferUpdate]
  /// How the loop runs; sequential until it is scheduled.
  public var mapping: Mapping
  /// The loop's head in the source.
  public var span: Span

  /// Creates a sequential loop.
  public init(
    _ variable: VariableID, from lower: Expression, to upper: Expression, step: Int = 1,
    condition: Expression? = nil, body: [Statement], labels: [String] = [],
    isIndependent: Bool = false,
    reductions: [Reduction] = [], updates: [BufferUpdate] = [], mapping: Mapping = .sequential,
    at span: Span = .none
  ) {
    self.variable = variable
    self.lower = lower
    self.upper = upper
    self.step = step
    self.condition = condition
    self.body = body
    self.labels = labels
    self.isIndependent = isIndependent
    self.reductions = reductions
    self.updates = updates
    self.mapping = mapping
    self.span = span
  }
}

/// `accumulator = accumulator op e` in a loop, declared as a reduction.
public struct Reduction: Sendable, Hashable {
  public var op: BinaryOperator
  public var accumulator: VariableID

  /// Creates the reduction of `accumulator` by `op`.
  public init(_ op: BinaryOperator, _ accumulator: VariableID) {
    self.op = op
    self.accumulator = accumulator
  }
}

/// `buffer[…] = buffer[…] op e` in a loop, declared as a reduction: the loop touches the buffer in no other way.
public struct BufferUpdate: Sendable, Hashable {
  public var op: BinaryOperator
  public var buffer: BufferID

  /// Creates the update of elements of `buffer` by `op`.
  public init(_ op: BinaryOperator, _ buffer: BufferID) {
    self.op = op
    self.buffer = buffer
  }
}

/// Who shares the iterations of a loop in a device kernel; those of one step apart go to neighbours.
public enum DeviceLevel: String, Sendable, Hashable, CaseIterable {
  /// The blocks along a dimension of the grid.
  case blocksX = "blocks_x"
  case blocksY = "blocks_y"
  case blocksZ = "blocks_z"
  /// The threads of a block.
  case threads
  /// The threads of all blocks along x.
  case grid
  /// The blocks of a cluster, which stand side by side along x and may wait for one another.
  case clusterBlocks = "cluster_blocks"
  /// The threads of all blocks of a cluster.
  case cluster

  /// Whether each thread that comes by has iterations of its own.
  public var isOfThreads: Bool {
    switch self {
    case .threads, .grid, .cluster: true
    case .blocksX, .blocksY, .blocksZ, .clusterBlocks: false
    }
  }
}

/// How a loop is spread over the machine.
public struct Mapping: Sendable, Hashable {
  /// The most CPU workers that share the iterations; nil for one.
  public var workers: Expression?
  /// How many consecutive iterations run at once, as the lanes of a vector.
  public var lanes: Int
  /// How many steps of the loop are written one after the other in its body.
  public var unroll: Int
  /// Whether the loop stores past the caches; nil where it never does.
  public var streams: Expression?
  /// Which threads of a device share the iterations; nil where each that comes by runs them all.
  public var level: DeviceLevel?
  /// The most threads of a block that share the iterations, where registers allow fewer than the schedule; nil for no other limit.
  public var threadsPerBlock: Int?

  /// Creates a mapping.
  public init(
    workers: Expression? = nil, lanes: Int = 1, unroll: Int = 1, level: DeviceLevel? = nil
  ) {
    self.workers = workers
    self.lanes = lanes
    self.unroll = unroll
    self.level = level
  }

  /// One iteration after the other.
  public static let sequential = Mapping()
}
