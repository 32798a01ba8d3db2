import CPython

/// What the options say about functions of other languages: where they are, and how the native compiler finds them.
struct BuildSettings {
  /// Libraries, by path or as the linker names them.
  var libraries: [String] = []
  /// Directories with headers.
  var includes: [String] = []
  /// Further arguments for the native compiler.
  var flags: [String] = []

  /// The settings of options; None and nil stand for none.
  init(_ options: PythonPointer?) throws(PythonException) {
    guard let options, options != py_none() else { return }
    libraries = try Self.texts(options, "libs")
    includes = try Self.texts(options, "includes")
    flags = try Self.texts(options, "extra_flags")
  }

  /// Creates settings.
  init(libraries: [String] = [], includes: [String] = [], flags: [String] = []) {
    self.libraries = libraries
    self.includes = includes
    self.flags = flags
  }

  /// These settings, and behind them those of others that are not among them.
  func joined(with other: BuildSettings) -> BuildSettings {
    func joined(_ own: [String], _ others: [String]) -> [String] {
      own + others.filter { !own.contains($0) }
    }
    return BuildSettings(
      libraries: joined(libraries, other.libraries), includes: joined(includes, other.includes),
      // A flag may be an argument of the one before.
      flags: flags == other.flags ? flags : flags + other.flags)
  }

  private static func texts(
    _ options: PythonPointer, _ name: String
  ) throws(PythonException) -> [String] {
    let list = try options.attribute(name)
    let tuple = try OwnedObject(PySequence_Tuple(list.pointer))
    return try tuple.pointer.texts()
  }

  /// The flags that NVRTC is given: those for the linker and the host's compiler are `nvcc`'s alone.
  var deviceFlags: [String] {
    var kept: [String] = []
    var isArgument = false
    for flag in flags {
      if isArgument {
        isArgument = false
      } else if ["-Xcompiler", "-Xlinker", "-l", "-L", "-ccbin"].contains(flag) {
        isArgument = true
      } else if !["-l", "-L", "-Xcompiler", "-Xlinker", "-ccbin", "-cudart"].contains(
        where: flag.hasPrefix)
      {
        kept.append(flag)
      }
    }
    return kept
  }

  /// What the user's headers hold that a text includes: compiled code depends on it.
  func contents(ofHeadersIn text: String) throws(PythonException) -> String {
    let code = try text.python()
    let directories = try includes.pythonTuple()
    let contents = try Hooks.current().includedContents.call(code.pointer, directories.pointer)
    return try String(python: contents.pointer)
  }
}

extension [String] {
  /// A tuple of Python strings.
  func pythonTuple() throws(PythonException) -> OwnedObject {
    let tuple = try OwnedObject(PyTuple_New(count))
    for (index, text) in enumerated() {
      PyTuple_SetItem(tuple.pointer, index, try text.python().taken())
    }
    return tuple
  }
}
