import CPython

/// Puts the arguments of a call in the order of the parameters.
struct CallBinder {
  let callee: Callee
  let frame: CallFrame.Reference

  /// Binds positional arguments and keywords; returns the `opts`, or nil.
  @inline(__always)
  func bind(
    _ given: UnsafePointer<PythonPointer?>?, _ count: Int, _ keywords: PythonPointer?
  ) throws(PythonException) -> PythonPointer? {
    if count == callee.count, let given {
      guard let keywords else {
        frame.pointee.arguments = given
        return nil
      }
      if PyTuple_Size(keywords) == 1, PyTuple_GetItem(keywords, 0) == InternedNames.shared.options {
        frame.pointee.arguments = given
        return given[count]
      }
    }
    return try bindByName(given, count, keywords)
  }

  private func bindByName(
    _ given: UnsafePointer<PythonPointer?>?, _ count: Int, _ keywords: PythonPointer?
  ) throws(PythonException) -> PythonPointer? {
    guard count <= callee.count else {
      if let last = given?[count - 1], try Callee.isOptions(last) {
        throw callee.wrongCall(
          "was given options by position", help: "name them: opts=parpy.par({…})")
      }
      throw callee.wrongCall("was given \(counted(count))")
    }
    let ordered = frame.pointee.ordered
    frame.pointee.arguments = UnsafePointer(ordered)
    for index in 0..<callee.count {
      (ordered + index).initialize(to: index < count ? given?[index] : nil)
    }
    var options: PythonPointer?
    for index in 0..<(keywords.map { PyTuple_Size($0) } ?? 0) {
      guard let keywords, let name = PyTuple_GetItem(keywords, index), let given else {
        throw PythonException()
      }
      let value = given[count + index]
      if try isEqual(name, InternedNames.shared.options) {
        options = value
      } else {
        try place(value, name, positional: count)
      }
    }
    let missing = (0..<callee.count).filter { ordered[$0] == nil }
    if missing.isEmpty { return options }
    let names = missing.map { "'\(callee.parameters[$0].name)'" }.joined(separator: ", ")
    throw callee.wrongCall("was not given \(names)")
  }

  private func place(
    _ value: PythonPointer?, _ name: PythonPointer, positional count: Int
  ) throws(PythonException) {
    for (index, parameter) in callee.parameterNames.enumerated() {
      guard try isEqual(name, parameter) else { continue }
      guard index >= count, frame.pointee.ordered[index] == nil else {
        throw callee.wrongCall("was given '\(callee.parameters[index].name)' twice")
      }
      frame.pointee.ordered[index] = value
      return
    }
    let text = String(describing: name, orElse: "?")
    throw callee.wrongCall("was given the unknown keyword '\(text)'")
  }

  private func isEqual(
    _ first: PythonPointer, _ second: PythonPointer
  ) throws(PythonException) -> Bool {
    if first == second { return true }
    let order = PyUnicode_Compare(first, second)
    if order == -1, PyErr_Occurred() != nil { throw PythonException() }
    return order == 0
  }

  private func counted(_ count: Int) -> String {
    count == 1 ? "1 argument" : "\(count) arguments"
  }
}
