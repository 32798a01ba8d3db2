import Syntax

/// What to write in place of functions and methods that mean nothing to the compiler, by their names.
enum WaysOut {
  /// For `name` of Python, or of `module` such as `np`; nil where nothing special is known of it.
  static func ofFunction(_ name: String, of module: String? = nil) -> String? {
    switch name {
    case "remainder" where module == "math": "write x - n * round(x / n)"
    case "print":
      "run the function in Python with opts=parpy.seq() to print, or call a @parpy.callback"
    case "mean", "average", "nanmean": "divide a sum by a length: sum(x[:]) / len(x)"
    case "dot", "vdot", "inner", "matmul", "einsum":
      "write the loops, or a sum over products: sum(x[:] * y[:])"
    case "where", "select": "write a loop with `a if condition else b`"
    case "any": "write a loop, or reduce with max"
    case "all": "write a loop, or reduce with min"
    case "add": "write the operator +"
    case "subtract": "write the operator -"
    case "multiply": "write the operator *"
    case "divide", "true_divide": "write the operator /"
    case "power": "write the operator **"
    case "float_power": "write the operator ** with a float: parpy.operators.float64(x) ** y"
    case "pow": "write the operator **; for a power modulo n, multiply and take % n in a loop"
    case "mod", "remainder": "write the operator %"
    case "fmod": "write math.fmod(x, y)"
    case "floor_divide": "write the operator //"
    case "divmod": "write the operators // and %"
    case "square": "write x * x"
    case "clip": "write min(max(x, low), high)"
    case "sign": "write 1 if x > 0 else -1 if x < 0 else 0"
    case "logical_and": "write `a and b`, or the operator & for arrays of bools"
    case "logical_or": "write `a or b`, or the operator | for arrays of bools"
    case "logical_not": "write `not a`, or the operator ~ for arrays of bools"
    case "logical_xor", "bitwise_xor": "write the operator ^"
    case "bitwise_and": "write the operator &"
    case "bitwise_or": "write the operator |"
    case "bitwise_not", "invert": "write the operator ~"
    case "left_shift": "write the operator <<"
    case "right_shift": "write the operator >>"
    case "degrees", "rad2deg": "write x * (180 / math.pi)"
    case "radians", "deg2rad": "write x * (math.pi / 180)"
    case "isclose": "write abs(a - b) <= 1e-9 * max(abs(a), abs(b))"
    case "gcd": "write Euclid's algorithm: while b != 0: a, b = b, a % b"
    case "iinfo", "finfo":
      "give the value a name outside of the function, such as LARGEST = np.iinfo(np.int32).max"
    case "isinstance", "type": "ask for element types with parpy.builtin.static_types_eq"
    case "array", "asarray", "arange", "linspace", "eye", "stack", "concatenate":
      "make the array before the call, or a temporary with np.empty and fill it in a loop"
    case "rand", "randn", "random", "normal", "uniform", "randint", "integers":
      "draw the numbers before the call and pass them"
    default: nil
    }
  }

  /// For data of the enclosing scopes, by its description; nil for what is no data.
  static func ofValue(_ description: String) -> String? {
    switch description {
    case "an array", "a dict": "pass it as an argument"
    case "a tuple", "a list":
      "pass an array of its elements as an argument, or give each a name of its own"
    case _ where description.hasPrefix("an attribute of "):
      "give the value a name of its own, or pass it as an argument"
    default: nil
    }
  }

  /// For more arguments of the function `name`, which stands for `intrinsic`, than it takes.
  static func ofMoreArguments(_ intrinsic: Intrinsic, named name: String) -> String? {
    switch intrinsic {
    case .round, .numpyRound: "to keep two digits, write \(name)(x * 100) / 100"
    case .log: "for another base, divide: \(name)(x) / \(name)(base)"
    case .hypot: "write the square root of the sum of the squares"
    default: nil
    }
  }

  /// For the method `name` of an array.
  static func ofMethod(_ name: String) -> String {
    switch name {
    case "astype": "convert where the elements are used, such as parpy.operators.float32(x[i])"
    case "copy": "copy into a temporary: t = np.empty_like(x); t[:] = x[:]"
    case "fill": "assign to a slice: x[:] = value"
    case "round": "write np.round(x)"
    case "item": "index the array: x[0]"
    case "transpose", "reshape", "ravel", "flatten", "squeeze":
      "index the array as it is, or pass the view that the method gives as another argument"
    default:
      ofFunction(name) ?? "sum, prod, min, max and conjugate are supported"
    }
  }
}
