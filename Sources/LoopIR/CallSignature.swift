/// All that a specialisation is compiled for: the arguments' types, which of their values are constants, the schedule
/// of every label and the options.
///
/// Compiled code receives one block of 64-bit words: a pointer for each array argument in order, then the
/// `parameterCount` run-time parameters.
public struct CallSignature: Sendable, Hashable {
  public var arguments: [Argument]
  /// The schedule of each label of the function that the options name.
  public var schedule: [String: LoopSchedule]
  public var options: CompileOptions
  /// How many run-time parameters the call passes.
  public var parameterCount: Int
  /// What every extent that is a parameter is at least: 2, or 0 where one version serves empty arrays, too.
  public var leastExtent: Int64
  /// What every number of threads that is a parameter is at least: 2, or 1 where one version serves sequential loops, too.
  public var leastThreads: Int64

  /// Creates a signature.
  public init(
    arguments: [Argument], schedule: [String: LoopSchedule] = [:],
    options: CompileOptions = .init(),
    parameterCount: Int = 0, leastExtent: Int64 = 2, leastThreads: Int64 = 2
  ) {
    self.arguments = arguments
    self.schedule = schedule
    self.options = options
    self.parameterCount = parameterCount
    self.leastExtent = leastExtent
    self.leastThreads = leastThreads
  }

  /// The label of loops that bear `label` in a version for one thread.
  public static func labelOfOneThread(_ label: String) -> String { "\(label) (1 thread)" }

  /// The signature with the schedule of one thread beside each whose number of threads is a parameter that may be 1.
  public var withSchedulesOfOneThread: CallSignature {
    guard leastThreads == 1 else { return self }
    var result = self
    for (label, schedule) in schedule {
      guard case .parameter? = schedule.threads else { continue }
      var sequential = schedule
      sequential.threads = .constant(1)
      result.schedule[Self.labelOfOneThread(label)] = sequential
    }
    return result
  }

  /// A 64-bit value of a call: known when compiling, or one of the run-time parameters.
  public enum Word: Sendable, Hashable {
    case constant(Int64)
    /// The parameter with that position. An extent that is a parameter is at least `leastExtent`.
    case parameter(Int)
  }

  /// One argument of the call.
  public enum Argument: Sendable, Hashable {
    case array(ArrayType)
    /// A scalar by value; `bits` hold a float64 for floats, and otherwise the integer sign-extended to 64 bits. Only of
    /// an integer of 64 bits that is large, its value may be outside of `ValueRange.small`.
    case scalar(ScalarType, isWeak: Bool, bits: Word, isLarge: Bool = false)
    /// A complex scalar by value, each part the bits of a float64.
    case complex(ScalarType, isWeak: Bool, real: Word, imaginary: Word)
    /// A dictionary from strings to arrays and scalars, its keys in the order of their UTF-8.
    case dictionary([Entry])

    /// The arrays and scalars of the argument: itself, or what the entries of a dictionary hold, in order.
    public var leaves: [Argument] {
      switch self {
      case .array, .scalar, .complex: [self]
      case .dictionary(let entries): entries.flatMap(\.argument.leaves)
      }
    }
  }

  /// One entry of a dictionary argument; not a dictionary again.
  public struct Entry: Sendable, Hashable {
    public var key: String
    public var argument: Argument

    /// Creates an entry.
    public init(_ key: String, _ argument: Argument) {
      self.key = key
      self.argument = argument
    }

    /// How the entry of that key is written in the program: `d["key"]`.
    public static func name(_ key: String, of dictionary: String) -> String {
      dictionary + "[" + Spelling.quoted(key) + "]"
    }
  }

  /// What an array argument looks like.
  public struct ArrayType: Sendable, Hashable {
    public var element: ScalarType
    /// The extent of each dimension, in elements.
    public var extents: [Word]
    /// The stride of each dimension, in elements; nil where the array is C-contiguous.
    public var strides: [Word]?
    public var isReadOnly: Bool
    /// Whether an extent or a stride may be outside of `ValueRange.small`, or the elements reach over more than that.
    public var isLarge: Bool
    /// True where the array's memory overlaps that of another argument.
    public var overlaps: Bool

    /// Creates the type of an array.
    public init(
      element: ScalarType, extents: [Word], strides: [Word]? = nil, isReadOnly: Bool = false,
      isLarge: Bool = false, overlaps: Bool = false
    ) {
      self.element = element
      self.extents = extents
      self.strides = strides
      self.isReadOnly = isReadOnly
      self.isLarge = isLarge
      self.overlaps = overlaps
    }
  }
}

/// How the user wants the loops of one label to run: `parpy.threads(n).reduce()…`.
public struct LoopSchedule: Sendable, Hashable {
  /// The number of threads asked for; nil where only `.reduce()`, `.tpb()` or `.unroll()` was given.
  public var threads: CallSignature.Word?
  public var isReduction: Bool
  public var threadsPerBlock: Int
  /// Whether so many threads are more than a block has; nil where that is not known, nor the number.
  public var exceedsBlock: Bool?
  public var unrolls: Bool

  /// Creates a schedule.
  public init(
    threads: CallSignature.Word?, isReduction: Bool = false, threadsPerBlock: Int = 1024,
    exceedsBlock: Bool? = nil, unrolls: Bool = false
  ) {
    self.threads = threads
    self.isReduction = isReduction
    self.threadsPerBlock = threadsPerBlock
    if case .constant(let n)? = threads {
      self.exceedsBlock = n > Int64(threadsPerBlock)
    } else {
      self.exceedsBlock = exceedsBlock
    }
    self.unrolls = unrolls
  }

  /// Whether the loops run in parallel; `threads(1)` is sequential.
  public var isParallel: Bool {
    switch threads {
    case .constant(let n): n > 1
    case .parameter: true
    case nil: false
    }
  }
}

/// A kind of machine that code is made for.
public enum Backend: Sendable, Hashable, CaseIterable {
  case cpu, cuda, metal

  /// Whether code runs on a device with threads of its own, beside the host.
  public var isDevice: Bool { self != .cpu }
}

/// The options of a call that the compiler reads.
public struct CompileOptions: Sendable, Hashable {
  /// No contraction, no vector math, no re-association but the declared.
  public var isStrict = false
  /// Data-dependent indexes are checked at run time.
  public var checksBounds = false
  /// How many iterations of a loop `.unroll()` writes out at most.
  public var maximumUnrollCount = 32
  /// Every stage is printed to standard error, with the time it took.
  public var printsStages = false
  /// A loop over a shape variable bears the variable's name as a label.
  public var hasImplicitShapeLabels = true
  /// How many blocks of threads a cluster on a GPU has at most; 1 where there are to be none.
  public var blocksPerCluster = 1
  /// It is warned of a GPU program whose launches cannot be one graph.
  public var requiresGraphs = false
  /// What the code is made for.
  public var backend = Backend.cpu
  /// The types of weak values: those of the backend, or what the user forces.
  public var weakTypes = WeakTypes()

  /// Creates the default options.
  public init() {}
}
