import Syntax

/// What to write in place of functions and methods that mean nothing to the compiler, by their names.
enum WaysOut {
  /// For `name` of Python or of a module such as NumPy; nil where nothing special is known of it.
  static func ofFunction(_ name: String) -> String? {
    switch name {
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
    case "power", "float_power", "pow": "write the operator **"
    case "mod", "remainder": "write the operator %"
    case "divmod": "write the operators // and %"
    case "square": "write x * x"
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

  /// For a second argument of the function `name`, which stands for `intrinsic`.
  static func ofSecondArgument(_ intrinsic: Intrinsic, named name: String) -> String? {
    switch intrinsic {
    case .round, .numpyRound: "to keep two digits, write \(name)(x * 100) / 100"
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
