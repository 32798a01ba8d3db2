import LoopIR
import Syntax

/// The comments at the end of printed code, from which edited code can be called again.
///
///     ; ParPy signature 1 of sum_rows
///     ; entry sum_rows
///     ; argument x: float32[8192, p0]
///     ; argument y: float32[8192] written
///     ; argument N: weak int64 = 8192
///     ; weak integers are int32
///     ; weak floats are float32
///     ; parameter p0 is word 1
///     ; failure: other values
///     ; failure: index at 12 "index 8192 of y is out of range"
///     ; fault: index at 13 "index {index} of y is out of range for size {size}"
///     ; external "scale"
///     ; library "/home/user/libscale.so"
///     ; include "/home/user/include"
///     ; flag "-lcublas"
///     ; host code 0123456789abcdef
///     ; callback "report"
///     ; end of signature
///
/// A call's value words are, for each argument in order, the extents and, where `strides` are given, the strides of an
/// array, the bits of a scalar, or those of both parts of a complex one. `large` are numbers of 31 bits or more and arrays
/// of so many elements, for which code may have to count in 64 bits. The types of weak values are there where they are
/// narrower than Python's. A dictionary has a line of its own, and then one for each entry:
///
///     ; argument d: dictionary
///     ; argument d["x"]: float32[8192] written
public struct SignatureBlock: Sendable, Hashable {
  /// What a check that fails means, apart from its place.
  public struct Failure: Sendable, Hashable {
    public var category: Diagnostic.Category
    /// The whole text, with the source quoted.
    public var message: String
    /// The line of the source, or 0.
    public var line: Int

    /// Creates a failure.
    public init(_ category: Diagnostic.Category, _ message: String, line: Int) {
      self.category = category
      self.message = message
      self.line = line
    }
  }

  /// The name of the Python function.
  public var function: String
  /// The symbol of the entry point.
  public var entry: String
  public var parameterNames: [String]
  public var arguments: [CallSignature.Argument]
  /// For each array or scalar of the arguments, whether the code writes it.
  public var writes: [Bool]
  /// For each run-time parameter, the value word that it is taken from.
  public var parameterSources: [Int]
  /// What each failing check means; nil where the code was made for other values.
  public var failures: [Failure?]
  /// The accesses that the code tests as it runs; their messages have `{index}` and `{size}` in them.
  public var faults: [Failure]
  /// The symbols of the external functions that the code calls, and the libraries that they are looked for in.
  public var externals: [String]
  public var libraries: [String]
  /// Where the headers of external functions are looked for, and further arguments for the compiler.
  public var includes: [String]
  public var flags: [String]
  /// The names of the Python functions that the code calls.
  public var callbacks: [String]
  /// What tells whether the host code of text for GPUs was edited; nil where there is none.
  public var hostDigest: String?
  /// The types that the code computes weak values in.
  public var weakTypes: WeakTypes

  /// Creates a block.
  public init(
    function: String, entry: String, parameterNames: [String],
    arguments: [CallSignature.Argument], writes: [Bool], parameterSources: [Int] = [],
    failures: [Failure?] = [], faults: [Failure] = [], externals: [String] = [],
    libraries: [String] = [], includes: [String] = [], flags: [String] = [],
    callbacks: [String] = [], hostDigest: String? = nil, weakTypes: WeakTypes = WeakTypes()
  ) {
    self.function = function
    self.entry = entry
    self.parameterNames = parameterNames
    self.arguments = arguments
    self.writes = writes
    self.parameterSources = parameterSources
    self.failures = failures
    self.faults = faults
    self.externals = externals
    self.libraries = libraries
    self.includes = includes
    self.flags = flags
    self.callbacks = callbacks
    self.hostDigest = hostDigest
    self.weakTypes = weakTypes
  }

  static let version = 1

  /// The block, each line a comment that begins with `prefix`.
  public func printed(prefix: String) -> String {
    var lines = ["ParPy signature \(Self.version) of \(function)", "entry \(entry)"]
    var rest = writes[...]
    func add(_ name: String, _ argument: CallSignature.Argument) {
      if case .dictionary(let entries) = argument {
        lines.append("argument \(name): dictionary")
        for entry in entries {
          add(name + "[" + SignatureText.quoted(entry.key) + "]", entry.argument)
        }
        return
      }
      let isWritten = rest.popFirst() ?? false
      lines.append(
        "argument \(name): \(SignatureText.argument(argument))" + (isWritten ? " written" : ""))
    }
    for (name, argument) in zip(parameterNames, arguments) { add(name, argument) }
    let standard = WeakTypes()
    if weakTypes.integer != standard.integer {
      lines.append("weak integers are \(weakTypes.integer)")
    }
    if weakTypes.float != standard.float { lines.append("weak floats are \(weakTypes.float)") }
    for (index, source) in parameterSources.enumerated() {
      lines.append("parameter p\(index) is word \(source)")
    }
    for failure in failures {
      guard let failure else {
        lines.append("failure: other values")
        continue
      }
      lines.append("failure: \(Self.text(failure))")
    }
    lines += faults.map { "fault: \(Self.text($0))" }
    lines += externals.map { "external \(SignatureText.quoted($0))" }
    lines += libraries.map { "library \(SignatureText.quoted($0))" }
    lines += includes.map { "include \(SignatureText.quoted($0))" }
    lines += flags.map { "flag \(SignatureText.quoted($0))" }
    lines += callbacks.map { "callback \(SignatureText.quoted($0))" }
    if let hostDigest { lines.append("host code \(hostDigest)") }
    lines.append("end of signature")
    return lines.map { prefix + $0 + "\n" }.joined()
  }

  private static func text(_ failure: Failure) -> String {
    "\(failure.category.name) at \(failure.line) \(SignatureText.quoted(failure.message))"
  }

  /// The value words in their order.
  public var words: [CallSignature.Word] { arguments.flatMap(\.words) }
}

extension CallSignature.Argument {
  /// The argument's value words: extents and strides of an array, bits of a scalar.
  var words: [CallSignature.Word] {
    switch self {
    case .array(let array): array.extents + (array.strides ?? [])
    case .scalar(_, _, let bits, _): [bits]
    case .complex(_, _, let real, let imaginary): [real, imaginary]
    case .dictionary: leaves.flatMap(\.words)
    }
  }
}

extension Diagnostic.Category {
  /// The category's name in a signature block.
  var name: String {
    switch self {
    case .program: "program"
    case .type: "type"
    case .name: "name"
    case .index: "index"
    case .value: "value"
    case .overflow: "overflow"
    case .bug: "bug"
    }
  }

  /// The category of that name, or nil.
  init?(name: Substring) {
    let all: [Diagnostic.Category] = [
      .program, .type, .name, .index, .value, .overflow, .bug,
    ]
    guard let category = all.first(where: { $0.name == name }) else { return nil }
    self = category
  }
}
