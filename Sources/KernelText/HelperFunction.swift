import LoopIR

/// Small functions that the text carries along when it uses them: what SPEC.md §1 defines and C++ does not.
package enum HelperFunction: Hashable {
  /// Arithmetic of signed integers that wraps: add, subtract, multiply.
  case wrapping(BinaryOperator, ScalarType)
  case floorDivide(ScalarType)
  case modulo(ScalarType)
  case power(ScalarType)
  case shift(BinaryOperator, ScalarType)
  /// `minimum` and `maximum`, which propagate NaN, and Python's of floats.
  case extremum(BinaryOperator, ScalarType)
  /// Truncation of a float into an integer type that saturates.
  case truncate(from: ScalarType, to: ScalarType)
  /// Joins a value of each thread of a block; every thread gets the result.
  case blockReduce(BinaryOperator, ScalarType)
  /// Joins a value of each block of a cluster, which all threads of the block have; every thread gets the result.
  case clusterReduce(BinaryOperator, ScalarType)
  /// Lets the threads of a cluster wait for one another.
  case clusterBarrier
  /// `*place = *place op value` as one step.
  case atomic(BinaryOperator, ScalarType)
  /// Reads four elements that lie in a row at a multiple of 16 bytes.
  case loadRow(ScalarType)
  /// Writes four elements in a row at a multiple of 16 bytes.
  case storeRow(ScalarType)
  /// Whether a place is a multiple of 16 bytes.
  case isAligned
  /// A function of float32 that the language's library lacks.
  case library(MathFunction)
  /// A product of floats that no sum is joined with in one rounding.
  case roundedProduct(ScalarType)
  /// An integer of which the compiler does not know where it comes from: see `HiddenIntegers.swift`.
  case hidden(ScalarType)
  /// Whether an index is in range; if not, the error slot is written.
  case inRange
  /// Writes the error slot, unless another thread has.
  case recordFault

  /// Names say the type: overloads would be ambiguous where an operand is a literal.
  package var name: String {
    switch self {
    case .wrapping(let op, let type): "wrapping_\(op.rawValue)_\(type)"
    case .floorDivide(let type): "floor_divide_\(type)"
    case .modulo(let type): "modulo_\(type)"
    case .power(let type): "power_\(type)"
    case .shift(.shiftLeft, let type): "shift_left_\(type)"
    case .shift(_, let type): "shift_right_\(type)"
    case .extremum(let op, let type): "\(Self.word(op))_\(type)"
    case .truncate(let from, let to): "\(to)_of_\(from)"
    case .blockReduce(let op, let type): "block_\(Self.word(op))_\(type)"
    case .clusterReduce(let op, let type): "cluster_\(Self.word(op))_\(type)"
    case .clusterBarrier: "cluster_barrier"
    case .atomic(let op, let type): "atomic_\(Self.word(op))_\(type)"
    case .loadRow(let type): "load_row_\(type)"
    case .storeRow(let type): "store_row_\(type)"
    case .isAligned: "is_aligned"
    case .library(let function): "\(function.rawValue)_float32"
    case .roundedProduct(let type): "rounded_product_\(type)"
    case .hidden(let type): "hidden_\(type)"
    case .inRange: "in_range"
    case .recordFault: "record_fault"
    }
  }

  /// Whether a helper may have that name, so that no variable of a kernel can.
  static func mayBeCalled(_ name: String) -> Bool {
    [inRange, recordFault, isAligned, clusterBarrier].contains { $0.name == name }
      || ScalarType.allCases.contains { name.hasSuffix("_\($0)") }
  }

  /// The helper for the lesser or greater of two values; Python's and NumPy's differ for floats alone.
  static func extremum(of op: BinaryOperator, _ type: ScalarType) -> HelperFunction {
    .extremum(type.isFloat ? op : op.isMinimum ? .minimum : .maximum, type)
  }

  static func isExtremum(_ op: BinaryOperator) -> Bool {
    op == .minimum || op == .maximum || op == .pythonMin || op == .pythonMax
  }

  static func word(_ op: BinaryOperator) -> String {
    switch op {
    case .add, .subtract: "add"
    case .multiply: "multiply"
    case .bitAnd: "and"
    case .bitOr: "or"
    case .bitXor: "xor"
    case .minimum: "minimum"
    case .maximum: "maximum"
    case .pythonMin: "python_min"
    case .pythonMax: "python_max"
    case .divide, .floorDivide, .modulo, .power, .shiftLeft, .shiftRight: op.rawValue
    }
  }

  /// The helpers that the definition calls.
  package var needs: [HelperFunction] {
    switch self {
    case .blockReduce(let op, let type), .clusterReduce(let op, let type),
      .atomic(let op, let type):
      Self.isExtremum(op) && !type.isHalf && type != .bool
        ? [.extremum(of: op, type)]
        : (op == .add || op == .multiply) && type.mustWrap
          ? [.wrapping(op, type)] : []
    case .inRange: [.recordFault]
    case .library(.erf): [.library(.erfc)]
    case .wrapping, .floorDivide, .modulo, .power, .shift, .extremum, .truncate, .library,
      .roundedProduct, .hidden, .recordFault, .loadRow, .storeRow, .isAligned,
      .clusterBarrier:
      []
    }
  }

  /// The function in a dialect.
  func definition(in d: any KernelDialect) -> String {
    switch self {
    case .wrapping(let op, let type):
      let symbol = op == .add ? "+" : op == .subtract ? "-" : "*"
      return function(d, type, "\(d.name(of: type)) a, \(d.name(of: type)) b") {
        // Narrow integers would be computed with as int, whose overflow the compiler takes for impossible.
        let word = type.size < 4 ? "uint32_t" : d.unsignedName(of: type)
        let result = "(\(word))a \(symbol) (\(word))b"
        if op == .subtract && type.size < 4, let hidden = d.hiding("wide", .uint32) {
          // The empty statement hides where the word comes from: ptxas turns it into a 16-bit negation,
          // whose upper half it takes for the sign also where the lowest integer stays as it is.
          return """
            \(word) wide = \(result);
            \(hidden)
            return (\(d.name(of: type)))wide;
            """
        }
        return "return (\(d.name(of: type)))(\(result));"
      }
    case .hidden(let type):
      return function(d, type, "\(d.name(of: type)) value") {
        "\(d.hiding("value", type) ?? "")\nreturn value;"
      }
    case .floorDivide(let type):
      return type.isFloat ? floatDivision(type, d) : integerDivision(type, d)
    case .modulo(let type): return type.isFloat ? floatModulo(type, d) : integerModulo(type, d)
    case .power(let type): return integerPower(type, d)
    case .shift(let op, let type): return shift(op, type, d)
    case .extremum(let op, let type):
      if !type.isFloat { return integerExtremum(op, type, d) }
      let symbol = op == .minimum ? "<" : ">"
      return function(d, type, "\(d.name(of: type)) a, \(d.name(of: type)) b") {
        op == .pythonMin || op == .pythonMax
          ? "return b \(op == .pythonMin ? "<" : ">") a ? b : a;"
          : "return a != a || a \(symbol) b ? a : b;"
      }
    case .truncate(let from, let to): return truncation(from, to, d)
    case .blockReduce, .clusterReduce, .clusterBarrier, .atomic, .library, .roundedProduct,
      .inRange,
      .recordFault, .loadRow, .storeRow, .isAligned:
      return d.definition(of: self)
    }
  }

  /// Whether the function uses what only threads of a device have.
  private var isOnDeviceAlone: Bool {
    switch self {
    case .blockReduce, .clusterReduce, .clusterBarrier, .atomic, .inRange, .recordFault, .loadRow,
      .storeRow, .isAligned:
      true
    case .wrapping, .floorDivide, .modulo, .power, .shift, .extremum, .truncate, .library,
      .roundedProduct, .hidden:
      false
    }
  }

  /// A definition of the helper: its head, and the statements of its body.
  package func function(
    _ d: any KernelDialect, _ result: ScalarType, _ parameters: String, _ body: () -> String
  ) -> String {
    let lines = body().split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    return
      "\(isOnDeviceAlone ? d.deviceFunction : d.plainFunction) \(d.name(of: result)) \(name)(\(parameters)) {\n\(lines)\n}\n"
  }

  private func integerExtremum(
    _ op: BinaryOperator, _ type: ScalarType, _ d: any KernelDialect
  ) -> String {
    function(d, type, "\(d.name(of: type)) a, \(d.name(of: type)) b") {
      let choice = "return b \(op.isMinimum ? "<" : ">") a ? b : a;"
      return (d.extremumGuard(type).map { $0 + "\n" } ?? "") + choice
    }
  }

  private func integerDivision(_ type: ScalarType, _ d: any KernelDialect) -> String {
    let t = d.name(of: type)
    return function(d, type, "\(t) a, \(t) b") {
      if type.isUnsignedInteger { return "return b == 0 ? 0 : a / b;" }
      return """
        if (b == 0) return 0;
        if (b == -1) return (\(t))(0 - (\(d.unsignedName(of: type)))a);
        const \(t) quotient = a / b;
        return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
        """
    }
  }

  private func integerModulo(_ type: ScalarType, _ d: any KernelDialect) -> String {
    let t = d.name(of: type)
    return function(d, type, "\(t) a, \(t) b") {
      if type.isUnsignedInteger { return "return b == 0 ? 0 : a % b;" }
      return """
        if (b == 0 || b == -1) return 0;
        const \(t) remainder = a % b;
        return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
        """
    }
  }

  /// Python's `//` of floats, by the remainder, as CPython's `float_floor_div` computes it; by zero it is the IEEE quotient.
  private func floatDivision(_ type: ScalarType, _ d: any KernelDialect) -> String {
    let t = d.name(of: type)
    let (fmod, copysign) = (d.math(.fmod, type), d.math(.copysign, type))
    return function(d, type, "\(t) a, \(t) b") {
      """
      if (b == 0) return a / b;
      const \(t) remainder = \(fmod)(a, b);
      \(t) quotient = (a - remainder) / b;
      if (remainder != 0 && (b < 0) != (remainder < 0)) quotient -= 1;
      if (quotient == 0) return \(copysign)((\(t))0, a / b);
      const \(t) floored = \(d.math(.floor, type))(quotient);
      return quotient - floored > (\(t))0.5 ? floored + 1 : floored;
      """
    }
  }

  /// Python's `%` of floats: the remainder with the divisor's sign.
  private func floatModulo(_ type: ScalarType, _ d: any KernelDialect) -> String {
    let t = d.name(of: type)
    let (fmod, copysign) = (d.math(.fmod, type), d.math(.copysign, type))
    return function(d, type, "\(t) a, \(t) b") {
      """
      const \(t) remainder = \(fmod)(a, b);
      if (remainder == 0) return \(copysign)((\(t))0, b);
      return (b < 0) != (remainder < 0) ? remainder + b : remainder;
      """
    }
  }

  private func integerPower(_ type: ScalarType, _ d: any KernelDialect) -> String {
    let t = d.name(of: type)
    let u = type.size < 4 ? "uint32_t" : d.unsignedName(of: type)
    return function(d, type, "\(t) base, \(t) exponent") {
      """
      if (exponent < 0) return 0;
      \(u) result = 1, square = (\(u))base;
      for (\(u) rest = (\(u))exponent; rest != 0; rest >>= 1) {
        if (rest & 1) result = (\(u))(result * square);
        square = (\(u))(square * square);
      }
      return (\(t))result;
      """
    }
  }

  private func shift(_ op: BinaryOperator, _ type: ScalarType, _ d: any KernelDialect) -> String {
    let t = d.name(of: type)
    return function(d, type, "\(t) a, \(t) b") {
      let isOut = type.isSignedInteger ? "b < 0 || b >= \(type.bitWidth)" : "b >= \(type.bitWidth)"
      if op == .shiftLeft {
        return "return \(isOut) ? 0 : (\(t))((\(d.unsignedName(of: type)))a << b);"
      }
      if type.isSignedInteger {
        return "return a >> (\(isOut) ? \(type.bitWidth - 1) : b);"
      }
      return "return \(isOut) ? 0 : a >> b;"
    }
  }

  private func truncation(_ from: ScalarType, _ to: ScalarType, _ d: any KernelDialect) -> String {
    let bits = to.isSignedInteger ? to.bitWidth - 1 : to.bitWidth
    let bound = Double(sign: .plus, exponent: bits, significand: 1)
    let suffix = from == .float32 ? "f" : ""
    let high = LiteralText.text(.extreme(of: to, greatest: true), d)
    let low = LiteralText.text(.extreme(of: to, greatest: false), d)
    let least = to.isSignedInteger ? "-\(bound)\(suffix)" : "-1.0\(suffix)"
    return function(d, to, "\(d.name(of: from)) x") {
      """
      if (x != x) return 0;
      if (x >= \(bound)\(suffix)) return \(high);
      if (x <= \(least)) return \(low);
      return (\(d.name(of: to)))x;
      """
    }
  }

  /// `a op b` of values of one type.
  package static func join(
    _ op: BinaryOperator, _ type: ScalarType, _ a: String, _ b: String, _ d: any KernelDialect
  ) -> String {
    if type == .bool {
      switch op {
      case .add, .bitOr, .maximum, .pythonMax: return "\(a) || \(b)"
      case .multiply, .bitAnd, .minimum, .pythonMin: return "\(a) && \(b)"
      default: return "\(a) != \(b)"
      }
    }
    if type.isHalf {
      let (x, y) = (d.widened(a, type), d.widened(b, type))
      let inner: String
      switch op {
      case .minimum, .pythonMin: inner = "\(d.extremum(isMinimum: true))(\(x), \(y))"
      case .maximum, .pythonMax: inner = "\(d.extremum(isMinimum: false))(\(x), \(y))"
      default: inner = "\(x) \(op == .multiply ? "*" : op == .subtract ? "-" : "+") \(y)"
      }
      return d.narrowed(inner, from: .float32, type)
    }
    switch op {
    case .add where type.mustWrap, .multiply where type.mustWrap:
      return "\(HelperFunction.wrapping(op, type).name)(\(a), \(b))"
    case .add: return type.size >= 4 ? "\(a) + \(b)" : "(\(d.name(of: type)))(\(a) + \(b))"
    case .subtract: return type.size >= 4 ? "\(a) - \(b)" : "(\(d.name(of: type)))(\(a) - \(b))"
    case .multiply: return type.size >= 4 ? "\(a) * \(b)" : "(\(d.name(of: type)))(\(a) * \(b))"
    case .bitAnd: return "(\(d.name(of: type)))(\(a) & \(b))"
    case .bitOr: return "(\(d.name(of: type)))(\(a) | \(b))"
    case .bitXor: return "(\(d.name(of: type)))(\(a) ^ \(b))"
    case .minimum, .pythonMin, .maximum, .pythonMax:
      return "\(HelperFunction.extremum(of: op, type).name)(\(a), \(b))"
    case .divide, .floorDivide, .modulo, .power, .shiftLeft, .shiftRight: return a
    }
  }
}

extension BinaryOperator {
  /// Whether it gives the lesser of two values.
  var isMinimum: Bool { self == .minimum || self == .pythonMin }
}

extension ScalarType {
  /// Whether C++ leaves it open what a sum or product is that does not fit.
  fileprivate var mustWrap: Bool { isSignedInteger || (isInteger && size < 4) }
}
