import LoopIR

/// Small functions that a module carries along when it uses them: the operations of SPEC.md §1 that are no instruction.
enum RuntimeHelper: Hashable {
  case floorDivide(ScalarType)
  case modulo(ScalarType)
  case integerPower(ScalarType)
  /// From a 16-bit float to float32.
  case widen(ScalarType, lanes: Int, isInstruction: Bool)
  /// From float32 to a 16-bit float.
  case narrow(ScalarType, lanes: Int, isInstruction: Bool)
  /// From float64 to float32, to the one with an odd last bit where it is not exact.
  case roundToOdd(lanes: Int)
  /// Notes an access out of range in the error slot, unless one is there already.
  case recordFault

  var name: String {
    switch self {
    case .floorDivide(let type): "parpy.floordiv.\(type)"
    case .modulo(let type): "parpy.mod.\(type)"
    case .integerPower(let type): "parpy.pow.\(type)"
    case .widen(let type, let lanes, _): "parpy.widen.\(type).v\(lanes)"
    case .narrow(let type, let lanes, _): "parpy.narrow.\(type).v\(lanes)"
    case .roundToOdd(let lanes): "parpy.roundtoodd.v\(lanes)"
    case .recordFault: "parpy.fault"
    }
  }

  /// The intrinsics the definition calls.
  var declarations: [String] {
    switch self {
    case .floorDivide(let type):
      ["floor", "copysign"].map { Self.declaration(of: $0, type) } + [
        Self.declaration(of: "copysign", type)
      ]
    case .modulo(let type): [Self.declaration(of: "copysign", type)]
    case .roundToOdd(let lanes):
      [
        "declare \(ScalarType.float64.llvm(lanes: lanes)) @llvm.fabs.\(ScalarType.float64.mangled(lanes: lanes))(\(ScalarType.float64.llvm(lanes: lanes)))"
      ]
    case .integerPower, .widen, .narrow, .recordFault: []
    }
  }

  private static func declaration(of intrinsic: String, _ type: ScalarType) -> String {
    let count = intrinsic == "copysign" ? 2 : 1
    let types = repeatElement(type.llvm, count: count).joined(separator: ", ")
    return "declare \(type.llvm) @llvm.\(intrinsic).\(type.mangled(lanes: 1))(\(types))"
  }

  var definition: String {
    switch self {
    case .floorDivide(let type): Self.floorDivision(name, type.llvm, type.mangled(lanes: 1))
    case .modulo(let type): Self.modulo(name, type.llvm, type.mangled(lanes: 1))
    case .integerPower(let type):
      Self.power(name, type.llvm, isSigned: type.isSignedInteger)
    case .widen(let type, let lanes, let isInstruction):
      HalfConversion(name, lanes).widening(type, isInstruction: isInstruction)
    case .narrow(let type, let lanes, let isInstruction):
      HalfConversion(name, lanes).narrowing(type, isInstruction: isInstruction)
    case .roundToOdd(let lanes): HalfConversion(name, lanes).roundingToOdd
    case .recordFault: Self.recording(name)
    }
  }

  /// The slot is read after all workers are done, so what they write needs no order but that one of them is first.
  private static func recording(_ name: String) -> String {
    """
    define internal void @\(name)(ptr %slot, i64 %fault, i64 %index, i64 %size) cold noinline #0 {
      %pair = cmpxchg ptr %slot, i64 0, i64 %fault monotonic monotonic, align 8
      %isfirst = extractvalue { i64, i1 } %pair, 1
      br i1 %isfirst, label %record, label %done
    record:
      %indexplace = getelementptr inbounds i64, ptr %slot, i64 1
      store i64 %index, ptr %indexplace, align 8
      %sizeplace = getelementptr inbounds i64, ptr %slot, i64 2
      store i64 %size, ptr %sizeplace, align 8
      br label %done
    done:
      ret void
    }

    """
  }

  /// Python's `//` of floats, by the remainder, as CPython's `float_floor_div` computes it; by zero it is the IEEE quotient.
  private static func floorDivision(_ name: String, _ t: String, _ m: String) -> String {
    """
    define internal \(t) @\(name)(\(t) %a, \(t) %b) alwaysinline #1 {
      %iszero = fcmp oeq \(t) %b, 0.0
      %plain = fdiv \(t) %a, %b
      %rem = frem \(t) %a, %b
      %diff = fsub \(t) %a, %rem
      %div = fdiv \(t) %diff, %b
      %inexact = fcmp une \(t) %rem, 0.0
      %bneg = fcmp olt \(t) %b, 0.0
      %rneg = fcmp olt \(t) %rem, 0.0
      %differ = xor i1 %bneg, %rneg
      %adjust = and i1 %inexact, %differ
      %less = fsub \(t) %div, 1.0
      %adjusted = select i1 %adjust, \(t) %less, \(t) %div
      %floor = call \(t) @llvm.floor.\(m)(\(t) %adjusted)
      %gap = fsub \(t) %adjusted, %floor
      %far = fcmp ogt \(t) %gap, 0.5
      %next = fadd \(t) %floor, 1.0
      %rounded = select i1 %far, \(t) %next, \(t) %floor
      %nonzero = fcmp une \(t) %adjusted, 0.0
      %signed = call \(t) @llvm.copysign.\(m)(\(t) 0.0, \(t) %plain)
      %whole = select i1 %nonzero, \(t) %rounded, \(t) %signed
      %result = select i1 %iszero, \(t) %plain, \(t) %whole
      ret \(t) %result
    }

    """
  }

  /// Python's `%` of floats: the remainder with the divisor's sign.
  private static func modulo(_ name: String, _ t: String, _ m: String) -> String {
    """
    define internal \(t) @\(name)(\(t) %a, \(t) %b) alwaysinline #1 {
      %rem = frem \(t) %a, %b
      %inexact = fcmp une \(t) %rem, 0.0
      %bneg = fcmp olt \(t) %b, 0.0
      %rneg = fcmp olt \(t) %rem, 0.0
      %differ = xor i1 %bneg, %rneg
      %sum = fadd \(t) %rem, %b
      %adjusted = select i1 %differ, \(t) %sum, \(t) %rem
      %zero = call \(t) @llvm.copysign.\(m)(\(t) 0.0, \(t) %b)
      %result = select i1 %inexact, \(t) %adjusted, \(t) %zero
      ret \(t) %result
    }

    """
  }

  /// Integer power by squaring, wrapping; 0 for a negative exponent.
  private static func power(_ name: String, _ t: String, isSigned: Bool) -> String {
    """
    define internal \(t) @\(name)(\(t) %base, \(t) %exponent) #1 {
    entry:
      %negative = icmp slt \(t) %exponent, 0
      %isnegative = and i1 %negative, \(isSigned)
      br i1 %isnegative, label %zero, label %head
    zero:
      ret \(t) 0
    head:
      %result = phi \(t) [ 1, %entry ], [ %nextresult, %body ]
      %square = phi \(t) [ %base, %entry ], [ %nextsquare, %body ]
      %rest = phi \(t) [ %exponent, %entry ], [ %nextrest, %body ]
      %done = icmp eq \(t) %rest, 0
      br i1 %done, label %end, label %body
    body:
      %bit = and \(t) %rest, 1
      %isodd = icmp ne \(t) %bit, 0
      %product = mul \(t) %result, %square
      %nextresult = select i1 %isodd, \(t) %product, \(t) %result
      %nextsquare = mul \(t) %square, %square
      %nextrest = lshr \(t) %rest, 1
      br label %head
    end:
      ret \(t) %result
    }

    """
  }
}
