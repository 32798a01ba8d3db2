import LoopIR

/// The types of results, as NumPy 2 (NEP 50) and Python define them.
extension Lowerer {
  /// The type of an arithmetic operation on two operands.
  func promoted(_ left: ElementType, _ right: ElementType) -> ElementType {
    switch (left.isWeak, right.isWeak) {
    case (false, false): return ElementType(left.type.promoted(with: right.type), isWeak: false)
    case (true, true):
      if left.type.isComplex || right.type.isComplex {
        return ElementType(weakTypes.complex, isWeak: true)
      }
      if left.type.isFloat || right.type.isFloat {
        return ElementType(weakTypes.float, isWeak: true)
      }
      let isBool = left.type == .bool && right.type == .bool
      return ElementType(isBool ? .bool : weakTypes.integer, isWeak: true)
    case (true, false): return ElementType(left.type, meeting: right.type, of: weakTypes)
    case (false, true): return ElementType(right.type, meeting: left.type, of: weakTypes)
    }
  }

  /// The type of a name where two paths meet: that of an operation on both.
  func joined(_ left: ElementType, _ right: ElementType) -> ElementType { promoted(left, right) }
}

extension ElementType {
  /// A Python scalar of a type meets a NumPy value: the kind may rise, then to the type of weak values of that kind; the width
  /// of its kind stays. To bfloat16, which is not NumPy's own, a Python float is a float32.
  fileprivate init(_ weak: ScalarType, meeting strong: ScalarType, of types: WeakTypes) {
    if strong.isComplex {
      self.init(strong, isWeak: false)
    } else if weak.isComplex {
      let ofFloat: ScalarType = strong == .float64 ? .complex128 : .complex64
      self.init(strong.isFloat ? ofFloat : types.complex, isWeak: false)
    } else if weak.isFloat && strong == .bfloat16 {
      self.init(.float32, isWeak: false)
    } else if weak == .bool || strong.isFloat {
      self.init(strong, isWeak: false)
    } else if weak.isFloat {
      self.init(types.float, isWeak: false)
    } else {
      self.init(strong == .bool ? types.integer : strong, isWeak: false)
    }
  }
}
