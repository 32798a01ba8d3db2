import CPUTarget
import LoopIR
import Lowering
import Syntax

/// Compiles `function` for one call signature to LLVM IR for `machine`.
///
/// - Parameters:
///   - names: resolves the names of the function's enclosing scopes.
///   - dump: receives `(pass, text)` after each pass that `PARPY_DUMP` names.
/// - Throws: the diagnostics of the first phase that found the program wrong.
public func compile(
  _ function: Function, signature: CallSignature, names: any NameResolver, machine: Machine
) throws(DiagnosticError) -> CompiledProgram {
  throw DiagnosticError(Diagnostic(.bug, "not yet", at: function.span))
}
