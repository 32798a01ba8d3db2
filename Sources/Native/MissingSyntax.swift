/// Syntax that the language does not have, as messages name it, and what to write instead.
struct MissingSyntax {
  /// With its verb: `lambda` is.
  let what: String
  let help: String?

  /// Describes statements by the name of their class in Python's `ast`.
  init(statement name: String) {
    (what, help) =
      switch name {
      case "FunctionDef", "AsyncFunctionDef":
        ("functions inside functions are", "define it outside, with @parpy.jit, and call it")
      case "ClassDef": ("classes are", nil)
      case "Delete": ("`del` is", "leave it out: a name ends with the function")
      case "AsyncFor", "AsyncWith": ("`async` is", nil)
      case "Match": ("`match` is", "write `if`, `elif` and `else`")
      case "Raise", "Assert":
        (
          "`\(name.lowercased())` is",
          "check before the call, or store in an array what the caller is to check"
        )
      case "Try", "TryStar": ("`try` is", "test for the case with `if`")
      case "Import", "ImportFrom":
        ("`import` inside a function is", "import at the top of the module")
      case "Global", "Nonlocal":
        ("`\(name.lowercased())` is", "pass an array, and store into an element of it")
      case "TypeAlias": ("`type` is", nil)
      default: ("statements of the kind \(name) are", nil)
      }
  }

  /// Describes expressions by the name of their class in Python's `ast`.
  init(expression name: String) {
    (what, help) =
      switch name {
      case "Lambda": ("`lambda` is", "define a function with @parpy.jit, and call it")
      case "ListComp", "SetComp", "DictComp", "GeneratorExp":
        (
          "comprehensions are",
          "write a loop, or an expression of slices such as parpy.operators.sum(x[:] * y[:])"
        )
      case "JoinedStr", "TemplateStr": ("f-strings are", nil)
      case "List":
        (
          "list displays are",
          "pass an array, or store the elements into a temporary: t = np.empty(2)"
        )
      case "Dict": ("dictionary displays are", "pass the dictionary as an argument")
      case "Set": ("set displays are", nil)
      case "NamedExpr": ("`:=` is", "assign in a statement of its own")
      case "Await": ("`await` is", nil)
      case "Yield", "YieldFrom": ("`yield` is", "store into an array argument")
      case "Starred": ("star-arguments are", nil)
      case "Slice": ("a slice outside of brackets is", nil)
      default: ("expressions of the kind \(name) are", nil)
      }
  }
}
