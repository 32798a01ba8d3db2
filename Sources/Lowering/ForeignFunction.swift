import LoopIR
import Syntax

/// A function that compiled code calls and the compiler does not see, as its declaration describes it.
public struct ForeignFunction: Sendable, Hashable {
  /// Where the function is, and how it is called.
  public enum Place: Sendable, Hashable {
    /// A function of another language on a backend; `isDevice` where parallel code may call it.
    case external(ExternalFunction, backend: Intrinsic)
    /// A Python function, by its position in the resolver's table. Only host code calls one.
    case callback(position: Int)
  }

  /// What is known of a parameter.
  public struct Parameter: Sendable, Hashable {
    public var name: String
    /// What the argument must be; nil where any scalar or array will do.
    public var annotation: Annotation?

    /// Creates a parameter.
    public init(_ name: String, _ annotation: Annotation?) {
      self.name = name
      self.annotation = annotation
    }
  }

  /// What is known of the result.
  public struct Result: Sendable, Hashable {
    public var type: ScalarType
    /// Whether the type is Python's own, which yields to that of arrays.
    public var isWeak: Bool

    /// Creates a result.
    public init(_ type: ScalarType, isWeak: Bool) {
      self.type = type
      self.isWeak = isWeak
    }
  }

  public var name: String
  public var place: Place
  public var parameters: [Parameter]
  /// Nil where the function gives nothing back.
  public var result: Result?

  /// Creates a declaration.
  public init(_ name: String, _ place: Place, _ parameters: [Parameter], _ result: Result?) {
    self.name = name
    self.place = place
    self.parameters = parameters
    self.result = result
  }
}

extension Backend {
  /// The backend as a name of the program's.
  var intrinsic: Intrinsic {
    switch self {
    case .cpu: .backendCpu
    case .cuda: .backendCuda
    case .metal: .backendMetal
    }
  }
}

extension Intrinsic {
  /// The backend as the user writes it; nil for what is none.
  var backendName: String? {
    switch self {
    case .backendCpu: "CompileBackend.Cpu"
    case .backendCuda: "CompileBackend.Cuda"
    case .backendMetal: "CompileBackend.Metal"
    default: nil
    }
  }
}
