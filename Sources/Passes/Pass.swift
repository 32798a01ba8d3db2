import Syntax

/// What the runner must know of an IR: how it reads and when it is broken.
public protocol IntermediateRepresentation {
  /// The whole IR as text, for people; never traps, even where `verify()` finds faults.
  var printed: String { get }

  /// One `.bug` diagnostic for each invariant that does not hold; empty for a sound IR.
  func verify() -> [Diagnostic]
}

/// A named transformation of an IR.
///
/// A pass keeps no state of its own: its result depends on its inputs alone.
public struct Pass<IR>: Sendable {
  /// What a pass does with its input.
  public typealias Transform =
    @Sendable (_ ir: IR, _ context: PassContext) throws(DiagnosticError) -> IR

  /// The name in lower case with hyphens, such as `fold-constants`; also that of its goldens' folder.
  public let name: String
  /// Gives the transformed IR, or throws what is wrong with the user's program.
  public let transform: Transform

  /// Creates the pass `name`.
  ///
  /// A closure that throws says so: `{ ir, context throws(DiagnosticError) in … }`.
  public init(_ name: String, _ transform: @escaping Transform) {
    self.name = name
    self.transform = transform
  }
}

/// What passes share while one function is compiled, on one thread.
public final class PassContext {
  /// What the passes have to say about programs that are right, in order.
  public private(set) var warnings: [Diagnostic] = []

  /// Creates a context without warnings.
  public init() {}

  /// Tells the user something that does not stop the compilation.
  public func warn(_ warning: Diagnostic) {
    warnings.append(warning)
  }
}
