import LoopIR

/// Small functions that the text carries along when it uses them: what SPEC.md §1 defines and C++ does not.
enum CUDAHelper: Hashable {
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
  /// `*place = *place op value` as one step.
  case atomic(BinaryOperator, ScalarType)
  /// Whether an index is in range; if not, the error slot is written.
  case inRange
  /// Writes the error slot, unless another thread has.
  case recordFault

  /// Names say the type: overloads would be ambiguous where an operand is a literal.
  var name: String {
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
    case .atomic(let op, let type): "atomic_\(Self.word(op))_\(type)"
    case .inRange: "in_range"
    case .recordFault: "record_fault"
    }
  }

  /// The helper for the lesser or greater of two values; Python's and NumPy's differ for floats alone.
  static func extremum(of op: BinaryOperator, _ type: ScalarType) -> CUDAHelper {
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
  var needs: [CUDAHelper] {
    switch self {
    case .blockReduce(let op, let type), .atomic(let op, let type):
      Self.isExtremum(op) && !type.isHalf && type != .bool
        ? [.extremum(of: op, type)]
        : (op == .add || op == .multiply) && type.mustWrap
          ? [.wrapping(op, type)] : []
    case .inRange: [.recordFault]
    case .wrapping, .floorDivide, .modulo, .power, .shift, .extremum, .truncate,
      .recordFault:
      []
    }
  }

  var definition: String {
    switch self {
    case .wrapping(let op, let type):
      let symbol = op == .add ? "+" : op == .subtract ? "-" : "*"
      return function(type, "\(type.cuda) a, \(type.cuda) b") {
        // Narrow integers would be computed with as int, whose overflow the compiler takes for impossible.
        let word = type.size < 4 ? "uint32_t" : type.unsignedCuda
        let result = "(\(word))a \(symbol) (\(word))b"
        if op == .subtract && type.size < 4 {
          // The empty statement hides where the word comes from: ptxas turns it into a 16-bit negation,
          // whose upper half it takes for the sign also where the lowest integer stays as it is.
          return """
            \(word) wide = \(result);
            asm("" : "+r"(wide));
            return (\(type.cuda))wide;
            """
        }
        return "return (\(type.cuda))(\(result));"
      }
    case .floorDivide(let type): return type.isFloat ? floatDivision(type) : integerDivision(type)
    case .modulo(let type): return type.isFloat ? floatModulo(type) : integerModulo(type)
    case .power(let type): return integerPower(type)
    case .shift(let op, let type): return shift(op, type)
    case .extremum(let op, let type):
      if !type.isFloat { return integerExtremum(op, type) }
      let symbol = op == .minimum ? "<" : ">"
      return function(type, "\(type.cuda) a, \(type.cuda) b") {
        op == .pythonMin || op == .pythonMax
          ? "return b \(op == .pythonMin ? "<" : ">") a ? b : a;"
          : "return a != a || a \(symbol) b ? a : b;"
      }
    case .truncate(let from, let to): return truncation(from, to)
    case .blockReduce(let op, let type): return blockReduction(op, type)
    case .atomic(let op, let type): return atomicUpdate(op, type)
    case .inRange: return Self.rangeTest
    case .recordFault: return Self.faultRecorder
    }
  }

  /// Whether the function uses what only threads of a device have.
  private var isOnDeviceAlone: Bool {
    switch self {
    case .blockReduce, .atomic, .inRange, .recordFault: true
    case .wrapping, .floorDivide, .modulo, .power, .shift, .extremum, .truncate: false
    }
  }

  private func function(_ result: ScalarType, _ parameters: String, _ body: () -> String) -> String
  {
    let lines = body().split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    return
      "\(isOnDeviceAlone ? "__device__" : "__host__ __device__") inline \(result.cuda) \(name)(\(parameters)) {\n\(lines)\n}\n"
  }

  private func integerExtremum(_ op: BinaryOperator, _ type: ScalarType) -> String {
    function(type, "\(type.cuda) a, \(type.cuda) b") {
      let choice = "return b \(op.isMinimum ? "<" : ">") a ? b : a;"
      if type.size > 4 { return choice }
      // From compute capability 9.0 on, ptxas joins two minima or maxima in one instruction of three operands, and that of
      // CUDA 13.0 then loses a negation of an operand. It sees none where an operand comes from another instruction.
      return """
        #if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
        uint32_t first = (uint32_t)a, second = (uint32_t)b;
        asm("lop3.b32 %0, %0, 0, 0, 0xf0;" : "+r"(first));
        asm("lop3.b32 %0, %0, 0, 0, 0xf0;" : "+r"(second));
        a = (\(type.cuda))first;
        b = (\(type.cuda))second;
        #endif
        \(choice)
        """
    }
  }

  private func integerDivision(_ type: ScalarType) -> String {
    let t = type.cuda
    return function(type, "\(t) a, \(t) b") {
      if type.isUnsignedInteger { return "return b == 0 ? 0 : a / b;" }
      return """
        if (b == 0) return 0;
        if (b == -1) return (\(t))(0 - (\(type.unsignedCuda))a);
        const \(t) quotient = a / b;
        return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
        """
    }
  }

  private func integerModulo(_ type: ScalarType) -> String {
    let t = type.cuda
    return function(type, "\(t) a, \(t) b") {
      if type.isUnsignedInteger { return "return b == 0 ? 0 : a % b;" }
      return """
        if (b == 0 || b == -1) return 0;
        const \(t) remainder = a % b;
        return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
        """
    }
  }

  /// Python's `//` of floats, by the remainder, as CPython's `float_floor_div` computes it; by zero it is the IEEE quotient.
  private func floatDivision(_ type: ScalarType) -> String {
    let t = type.cuda
    let f = type == .float32 ? "f" : ""
    return function(type, "\(t) a, \(t) b") {
      """
      if (b == 0) return a / b;
      const \(t) remainder = fmod\(f)(a, b);
      \(t) quotient = (a - remainder) / b;
      if (remainder != 0 && (b < 0) != (remainder < 0)) quotient -= 1;
      if (quotient == 0) return copysign\(f)((\(t))0, a / b);
      const \(t) floored = floor\(f)(quotient);
      return quotient - floored > (\(t))0.5 ? floored + 1 : floored;
      """
    }
  }

  /// Python's `%` of floats: the remainder with the divisor's sign.
  private func floatModulo(_ type: ScalarType) -> String {
    let t = type.cuda
    let f = type == .float32 ? "f" : ""
    return function(type, "\(t) a, \(t) b") {
      """
      const \(t) remainder = fmod\(f)(a, b);
      if (remainder == 0) return copysign\(f)((\(t))0, b);
      return (b < 0) != (remainder < 0) ? remainder + b : remainder;
      """
    }
  }

  private func integerPower(_ type: ScalarType) -> String {
    let t = type.cuda
    let u = type.size < 4 ? "uint32_t" : type.unsignedCuda
    return function(type, "\(t) base, \(t) exponent") {
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

  private func shift(_ op: BinaryOperator, _ type: ScalarType) -> String {
    let t = type.cuda
    return function(type, "\(t) a, \(t) b") {
      let isOut = type.isSignedInteger ? "b < 0 || b >= \(type.bitWidth)" : "b >= \(type.bitWidth)"
      if op == .shiftLeft {
        return "return \(isOut) ? 0 : (\(t))((\(type.unsignedCuda))a << b);"
      }
      if type.isSignedInteger {
        return "return a >> (\(isOut) ? \(type.bitWidth - 1) : b);"
      }
      return "return \(isOut) ? 0 : a >> b;"
    }
  }

  private func truncation(_ from: ScalarType, _ to: ScalarType) -> String {
    let bits = to.isSignedInteger ? to.bitWidth - 1 : to.bitWidth
    let bound = Double(sign: .plus, exponent: bits, significand: 1)
    let suffix = from == .float32 ? "f" : ""
    let high = CUDALiteral.text(.extreme(of: to, greatest: true))
    let low = CUDALiteral.text(.extreme(of: to, greatest: false))
    let least = to.isSignedInteger ? "-\(bound)\(suffix)" : "-1.0\(suffix)"
    return function(to, "\(from.cuda) x") {
      """
      if (x != x) return 0;
      if (x >= \(bound)\(suffix)) return \(high);
      if (x <= \(least)) return \(low);
      return (\(to.cuda))x;
      """
    }
  }

  /// Warps by shuffles, then the first warp over their results (M. Harris, Optimizing Parallel Reduction in CUDA, 2007, and the
  /// warp shuffles of compute capability 3.0 on).
  private func blockReduction(_ op: BinaryOperator, _ type: ScalarType) -> String {
    let t = type.cuda
    let isNarrow = type.size < 4 && !type.isFloat
    // In a variable of its own: `&&` and `||` would leave the shuffle out where the value decides, and all lanes must come to it.
    let other =
      isNarrow
      ? "(\(t))__shfl_xor_sync(0xffffffffu, (int)value, offset)"
      : "__shfl_xor_sync(0xffffffffu, value, offset)"
    let step = """
      for (int offset = 16; offset > 0; offset /= 2) {
        const \(t) other = \(other);
        value = \(Self.join(op, type, "value", "other"));
      }
      """
    let inner = step.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    let identity = op.identity(of: type).map { CUDALiteral.text($0) } ?? "0"
    return function(type, "\(t) value") {
      """
      __shared__ \(t) warps[32];
      \(step)
      if (blockDim.x > 32) {
        const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
        if (lane == 0) warps[warp] = value;
        __syncthreads();
        value = lane < blockDim.x / 32 ? warps[lane] : \(type.isFloat ? "" : "(\(t))")\(identity);
      \(inner)
        __syncthreads();
      }
      return value;
      """
    }
  }

  /// `a op b` of values of one type.
  static func join(_ op: BinaryOperator, _ type: ScalarType, _ a: String, _ b: String) -> String {
    if type == .bool {
      switch op {
      case .add, .bitOr, .maximum, .pythonMax: return "\(a) || \(b)"
      case .multiply, .bitAnd, .minimum, .pythonMin: return "\(a) && \(b)"
      default: return "\(a) != \(b)"
      }
    }
    if type.isHalf {
      let from = type == .float16 ? "__half2float" : "__bfloat162float"
      let to = type == .float16 ? "__float2half_rn" : "__float2bfloat16_rn"
      let inner: String
      switch op {
      case .minimum, .pythonMin: inner = "fminf(\(from)(\(a)), \(from)(\(b)))"
      case .maximum, .pythonMax: inner = "fmaxf(\(from)(\(a)), \(from)(\(b)))"
      default:
        inner = "\(from)(\(a)) \(op == .multiply ? "*" : op == .subtract ? "-" : "+") \(from)(\(b))"
      }
      return "\(to)(\(inner))"
    }
    switch op {
    case .add where type.mustWrap, .multiply where type.mustWrap:
      return "\(CUDAHelper.wrapping(op, type).name)(\(a), \(b))"
    case .add: return type.size >= 4 ? "\(a) + \(b)" : "(\(type.cuda))(\(a) + \(b))"
    case .subtract: return type.size >= 4 ? "\(a) - \(b)" : "(\(type.cuda))(\(a) - \(b))"
    case .multiply: return type.size >= 4 ? "\(a) * \(b)" : "(\(type.cuda))(\(a) * \(b))"
    case .bitAnd: return "(\(type.cuda))(\(a) & \(b))"
    case .bitOr: return "(\(type.cuda))(\(a) | \(b))"
    case .bitXor: return "(\(type.cuda))(\(a) ^ \(b))"
    case .minimum, .pythonMin, .maximum, .pythonMax:
      return "\(CUDAHelper.extremum(of: op, type).name)(\(a), \(b))"
    case .divide, .floorDivide, .modulo, .power, .shiftLeft, .shiftRight: return a
    }
  }

  private func atomicUpdate(_ op: BinaryOperator, _ type: ScalarType) -> String {
    let t = type.cuda
    let head = "__device__ inline void \(name)(\(t) *place, \(t) value) {\n"
    let isNative =
      op == .add && (type == .float32 || type == .float64 || type.isInteger && type.size >= 4)
    if isNative {
      let word = type.isFloat ? t : type.size == 4 ? "unsigned" : "unsigned long long"
      return head + "  atomicAdd((\(word) *)place, (\(word))value);\n}\n"
    }
    let joined = Self.join(op, type, "former", "value")
    if type.size >= 4 {
      let word = type.size == 4 ? "unsigned" : "unsigned long long"
      return head + """
          union { \(word) bits; \(t) number; } seen, wanted;
          seen.number = *(volatile \(t) *)place;
          for (;;) {
            const \(t) former = seen.number;
            wanted.number = \(joined);
            const \(word) found = atomicCAS((\(word) *)place, seen.bits, wanted.bits);
            if (found == seen.bits) return;
            seen.bits = found;
          }
        }

        """
    }
    // Narrow elements are changed within the aligned word around them.
    return head + """
        unsigned *const word = (unsigned *)((unsigned long long)place & ~3ull);
        const unsigned shift = 8 * (unsigned)((unsigned long long)place & 3);
        const unsigned mask = \(type.size == 1 ? "0xffu" : "0xffffu") << shift;
        unsigned seen = *(volatile unsigned *)word;
        for (;;) {
          union { \(type.size == 1 ? "unsigned char" : "unsigned short") bits; \(t) number; } element;
          element.bits = (\(type.size == 1 ? "unsigned char" : "unsigned short"))((seen & mask) >> shift);
          const \(t) former = element.number;
          element.number = \(joined);
          const unsigned wanted = (seen & ~mask) | ((unsigned)element.bits << shift);
          const unsigned found = atomicCAS(word, seen, wanted);
          if (found == seen) return;
          seen = found;
        }
      }

      """
  }

  /// The slot holds the number of the fault, the index and the size; the first thread that finds it free writes it.
  private static let rangeTest = """
    __device__ inline bool in_range(int64_t index, int64_t size, unsigned long long *slot, unsigned fault) {
      if ((uint64_t)index < (uint64_t)size) return true;
      record_fault(slot, fault, index, size);
      return false;
    }

    """

  private static let faultRecorder = """
    __device__ inline void record_fault(unsigned long long *slot, unsigned fault, int64_t first, int64_t second) {
      if (atomicCAS(slot, 0ull, (unsigned long long)fault) == 0ull) {
        slot[1] = (unsigned long long)first;
        slot[2] = (unsigned long long)second;
      }
    }

    """
}

extension BinaryOperator {
  /// Whether it gives the lesser of two values.
  var isMinimum: Bool { self == .minimum || self == .pythonMin }
}

extension ScalarType {
  /// Whether C++ leaves it open what a sum or product is that does not fit.
  fileprivate var mustWrap: Bool { isSignedInteger || (isInteger && size < 4) }
}
