import CPUTarget
import LoopIR
import Schedule
import TestSupport
import Testing

extension Machine {
  /// A machine with glibc's vector math for AVX2.
  static let avx2 = Machine(
    triple: "x86_64-unknown-linux-gnu", dataLayout: "e-m:e-i64:64-n8:16:32:64-S128", cpu: "haswell",
    features: "+avx2,+fma", vectorMath: .libmvecAVX2,
    vectorFunctions: ["exp", "sin", "pow"])

  /// The machine with another kind of vector math.
  func with(_ vectorMath: VectorMath) -> Machine {
    var result = self
    result.vectorMath = vectorMath
    return result
  }
}

/// The LLVM IR for a function in the text form of the loop IR.
struct Emission {
  let text: String

  init(_ ir: String, for machine: Machine = .avx2, isStrict: Bool = false) throws {
    let function = try LoopFunction(parsing: ir)
    try #require(function.verify() == [])
    let program = outlineKernels(function)
    try #require(program.verify() == [])
    text = emitLLVM(program, for: machine, isStrict: isStrict)
  }

  var lines: [String] { text.split(separator: "\n").map(String.init) }

  /// The lines that hold `part`.
  func lines(with part: String) -> [String] { lines.filter { $0.contains(part) } }

  /// The instructions of one function, its head included; empty where there is none of that name.
  func function(_ name: String) -> [String] {
    guard
      let start = lines.firstIndex(where: { $0.hasPrefix("define") && $0.contains(" @\(name)(") }),
      let end = lines[start...].firstIndex(of: "}")
    else { return [] }
    return Array(lines[start..<end])
  }

  /// The instruction that gives a register its value, in one function.
  func definition(of register: some StringProtocol, in function: String) -> String? {
    self.function(function).first { $0.hasPrefix("  \(register) = ") }
  }
}
