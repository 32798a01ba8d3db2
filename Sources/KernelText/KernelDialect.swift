import LoopIR

/// How a dialect of C++ for GPUs spells what kernels need: CUDA C++, or the Metal Shading Language.
///
/// Expressions, statements and loops are the same text in all of them (`FunctionEmitter`); what differs is here.
package protocol KernelDialect: Sendable {
  /// A type's name.
  func name(of type: ScalarType) -> String
  /// The header that declares a type; nil where the language has it.
  func header(for type: ScalarType) -> String?
  /// The suffix of an integer literal of 64 bits.
  var longSuffix: String { get }
  /// A float that is no decimal number: a half, an infinity or NaN.
  func literal(_ value: Double, _ type: ScalarType) -> String
  /// A 16-bit float as a float32.
  func widened(_ text: String, _ type: ScalarType) -> String
  /// A float32 or float64 as a 16-bit float.
  func narrowed(_ text: String, from: ScalarType, _ type: ScalarType) -> String
  /// The function of the language's library that computes `function` of a float32 or float64.
  func math(_ function: MathFunction, _ type: ScalarType) -> String
  /// A helper that stands for a function the library lacks; nil where it has it.
  func helper(for function: MathFunction) -> HelperFunction?
  /// The function that gives the absolute value of a float32 or float64.
  func absolute(_ type: ScalarType) -> String
  /// A power of floats, as a function's name.
  func power(_ type: ScalarType) -> String

  /// The function of the language's library that gives a product which no sum is joined with in one rounding; nil where a
  /// helper stands for it.
  func roundedProduct(_ type: ScalarType) -> String?
  /// The function of the language's library that makes a float32 of a float64, rounded also where a sum could take in what
  /// it is made of; nil where there is no float64.
  var roundedToFloat32: String? { get }

  /// The place of a thread in its block.
  var thread: String { get }
  /// How many threads a block has.
  var blockSize: String { get }
  /// The place of a block along an axis of the grid: x, y or z.
  func block(_ axis: String) -> String
  /// How many blocks the grid has along an axis.
  func gridSize(_ axis: String) -> String
  /// The statement at which the threads of a block wait for one another.
  var barrier: String { get }
  /// The qualifier of what a pointer to an array's elements points to, and a space; empty where there is none.
  var deviceSpace: String { get }
  /// The qualifier of memory that a block shares.
  var shared: String { get }
  /// Whether memory that a block shares is declared where a kernel begins, and nowhere else.
  var declaresSharedFirst: Bool { get }
  /// A kernel's head, up to the parenthesis that closes its parameters.
  func head(of kernel: KernelHead) -> String

  /// What stands before a helper that only threads of a device call.
  var deviceFunction: String { get }
  /// What stands before a helper that the host part may call too.
  var plainFunction: String { get }
  /// The name of the lesser or greater of two float32 where one that is no number does not count.
  func extremum(isMinimum: Bool) -> String
  /// A statement that hides where an integer comes from, of 32 or 64 bits; nil where none is needed.
  func hiding(_ word: String, _ type: ScalarType) -> String?
  /// Statements that hide where the operands of an extremum come from; nil where none are needed.
  func extremumGuard(_ type: ScalarType) -> String?
  /// The definition of a helper that threads make together, or that changes memory in one step.
  func definition(of helper: HelperFunction) -> String
  /// What a block's reduction is given beside the value.
  func reductionArguments(of type: ScalarType) -> [String]
  /// The memory that a block's reduction needs, as a declaration in the kernel; nil where the helper has its own.
  func reductionMemory(of type: ScalarType) -> String?

  /// Words that no variable may be called, beside those of C++.
  var reservedNames: Set<String> { get }
}

extension KernelDialect {
  /// The unsigned integer type of the same size, in which arithmetic wraps.
  func unsignedName(of type: ScalarType) -> String {
    let name = name(of: type)
    return name.hasPrefix("u") ? name : "u" + name
  }
}

/// What the head of a kernel says.
package struct KernelHead {
  package struct Array {
    package var name: String
    package var element: ScalarType
    /// Whether nothing is stored through it.
    package var isConst: Bool
    /// Whether no other pointer leads to the same memory.
    package var isRestricted: Bool
  }

  package struct Value {
    package var name: String
    /// The name of its type.
    package var type: String
    /// Whether the kernel assigns it.
    package var isAssigned: Bool
  }

  package var name: String
  package var maximumThreads: Int
  /// The blocks of a cluster; 1 where there are none.
  package var clusterSize: Int
  package var arrays: [Array]
  /// The numbers it is given.
  package var values: [Value]
  package var hasSlot: Bool
}
