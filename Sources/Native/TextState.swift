import CPython
import CRuntime
import CUDARuntime
import Compiler
import LoopIR
import Syntax

/// Code that was printed, perhaps edited, and made callable again.
final class TextState: CallableState {
  private let callee: Callee
  private let block: SignatureBlock
  /// The type words of the calls that the code is for.
  private let types: [UInt64]
  private let layout: KeyLayout
  private var variant: Variant?
  /// What runs on GPUs; nil where the code is for the CPU.
  private let device: DeviceText?

  /// Compiles the text of the function `name`.
  ///
  /// - Parameters:
  ///   - settings: what the options add to those of the text.
  ///   - graphs: which calls run as CUDA graphs.
  init(
    name: String, text: String, settings: BuildSettings, graphs: GraphUse
  ) throws(PythonException) {
    do {
      block = try SignatureBlock(parsing: text)
    } catch {
      throw raise(error, in: [])
    }
    guard name == block.function else {
      throw raise(
        Diagnostic(
          .program, "The code text holds the function '\(block.function)', not '\(name)'.", at: [],
          help: "call parpy.compile_string('\(block.function)', …)"), in: [])
    }
    for case .array(let array) in block.arguments.flatMap(\.leaves)
    where array.extents.count > TypeWord.maximumDimensions {
      throw raise(py_value_error(), "the signature block has an array of too many dimensions")
    }
    callee = try Callee(
      name: name, parameters: block.parameterNames.map { Syntax.Function.Parameter($0) },
      sources: [])
    types = try Self.typeWords(of: block, callee)
    layout = KeyLayout(types: types, of: callee, labels: 0)
    let failures = block.failures.map { failure in
      failure.map { Diagnostic($0.category, $0.message, at: []) }
    }
    if let name = block.callbacks.first {
      throw raise(
        Diagnostic(
          .program,
          "The code calls the Python function '\(name)', which its text cannot hold.", at: [],
          help: "compile code without callbacks, or call the decorated function"), in: [])
    }
    device = try DeviceText(text, block, settings, graphs)
    let code =
      device == nil
      ? try FunctionState.load(
        text, entry: block.entry, externals: block.externals,
        libraries: BuildSettings(libraries: block.libraries).joined(with: settings).libraries,
        isEdited: true) : nil
    let plan = ValueHistory.Plan(words: block.words, sources: block.parameterSources)
    let faults = block.faults.map { Fault(Diagnostic($0.category, $0.message, at: [])) }
    variant = Variant(
      plan, code: code, refusal: nil, failures: failures, faults: faults,
      sourceFiles: [])
    super.init()
  }

  override var representation: String { "<parpy compiled text \(callee.name)>" }

  override var referents: [PythonPointer] {
    variant?.code.map { [$0.library] } ?? []
  }

  override func clear() {
    let former = variant
    variant = nil
    withExtendedLifetime(former) {}
  }

  /// Calls the code; the result is a new reference.
  func call(
    _ given: UnsafePointer<PythonPointer?>?, _ count: Int, _ keywords: PythonPointer?
  ) throws(PythonException) -> PythonPointer {
    guard let variant else {
      throw raise(py_runtime_error(), "the compiled text was cleared")
    }
    let frame = freeFrame() ?? CallFrame.allocate(arguments: callee.count, labels: 0, names: 0)
    defer { finish(frame) }
    // The schedule is in the text already, so the options change nothing.
    _ = try CallBinder(callee: callee, frame: frame).bind(given, count, keywords)
    try ArgumentReader(callee: callee, frame: frame).readAll()
    try check(frame)
    guard variant.serves(frame.pointee.values) else { throw try wrongValues(frame) }
    let result: Int64
    if let device {
      result = try variant.run(try device.executor(for: frame, callee), frame)
    } else if let code = variant.code {
      result = variant.run(code, frame, runtime)
    } else {
      throw raise(py_runtime_error(), "the compiled text was cleared")
    }
    if result != 0 { throw failure(result, variant, frame) }
    py_retain(py_none())
    return py_none()
  }

  private func failure(
    _ result: Int64, _ variant: Variant, _ frame: CallFrame.Reference
  ) -> PythonException {
    if result == -2 { return raise(variant.fault(in: frame), in: []) }
    if result == -1 { return raise(py_memory_error(), "out of memory for the temporaries") }
    guard result > 0, result <= variant.failures.count else {
      return raise(Diagnostic(.bug, "The code gave the unknown result \(result).", at: []), in: [])
    }
    let failure =
      variant.failures[Int(result) - 1]
      ?? Diagnostic(.value, "The code of '\(callee.name)' was made for other values.", at: [])
    return raise(failure, in: [])
  }

  // MARK: - Whether a call fits the signature

  /// The type words of the arguments as the block describes them.
  private static func typeWords(
    of block: SignatureBlock, _ callee: Callee
  ) throws(PythonException) -> [UInt64] {
    var words: [TypeWord] = []
    for argument in block.arguments {
      if case .dictionary(let entries) = argument {
        words.append(.dictionary(shape: try callee.dictionaries.number(of: entries.map(\.key))))
      }
      words += argument.leaves.map(typeWord)
    }
    return words.map(\.bits)
  }

  /// The type word of an array or scalar as the block describes it.
  private static func typeWord(_ argument: CallSignature.Argument) -> TypeWord {
    switch argument {
    case .dictionary(let entries): return .dictionary(shape: entries.count)
    case .scalar(let type, let isWeak, _, let isLarge):
      var word = TypeWord.scalar(type, isWeak: isWeak)
      if isLarge { word.insert(.large) }
      return word
    case .complex(let type, let isWeak, _, _): return .scalar(type, isWeak: isWeak)
    case .array(let array):
      let dimensions = min(array.extents.count, TypeWord.maximumDimensions)
      var word = TypeWord.array(array.element, dimensions: dimensions)
      for (dimension, extent) in array.extents.prefix(dimensions).enumerated() {
        guard case .constant(let value) = extent else {
          word.note(extent: 2, ofDimension: dimension)
          continue
        }
        word.note(extent: Int(value), ofDimension: dimension)
      }
      if array.strides != nil { word.insert(.strided) }
      if array.isReadOnly { word.insert(.readOnly) }
      if array.isLarge { word.insert(.large) }
      if array.overlaps { word.insert(.overlaps) }
      return word
    }
  }

  /// Tests the types of the arguments; the values come later, all at once.
  private func check(_ frame: CallFrame.Reference) throws(PythonException) {
    var position = 0
    var leaf = 0
    for (parameter, keys) in layout.keys.enumerated() {
      let given = TypeWord(bits: frame.pointee.types[position])
      guard given.shape == TypeWord(bits: types[position]).shape else {
        throw mismatch(parameter, key: nil, block.arguments[parameter])
      }
      if keys != nil { position += 1 }
      for _ in 0..<(keys?.count ?? 1) {
        try check(TypeWord(bits: frame.pointee.types[position]), leaf)
        position += 1
        leaf += 1
      }
    }
  }

  private func check(_ given: TypeWord, _ index: Int) throws(PythonException) {
    let leaf = layout.leaves[index]
    let wanted = leaf.word
    let isWritten = block.writes[index]
    func wrong(_ message: String) -> PythonException {
      raise(callee.diagnostic(.value, leaf.parameter, key: leaf.key, message), in: callee.sources)
    }
    let isSameType =
      given.isArray == wanted.isArray && given.element == wanted.element
      && given.dimensions == wanted.dimensions
      && given.contains(.weak) == wanted.contains(.weak)
      && given.contains(.strided) == wanted.contains(.strided)
      && (0..<wanted.dimensions).allSatisfy {
        given.isExtentOpen($0) == wanted.isExtentOpen($0)
      }
    guard isSameType, wanted.contains(.large) || !given.contains(.large) else {
      throw mismatch(index)
    }
    if isWritten, given.contains(.readOnly) {
      throw wrong(" is read-only but the function writes it")
    }
    if isWritten, given.contains(.overlapsItself) {
      throw wrong(" has elements that share memory but the function writes it")
    }
    if given.contains(.overlaps), !wanted.contains(.overlaps) {
      throw wrong(
        " shares memory with another argument, and the code was made for one that does not")
    }
  }

  private func mismatch(_ leaf: Int) -> PythonException {
    let (place, types) = (layout.leaves[leaf], block.arguments.flatMap(\.leaves))
    return mismatch(place.parameter, key: place.key, types[leaf])
  }

  private func mismatch(
    _ parameter: Int, key: String?, _ wanted: CallSignature.Argument
  ) -> PythonException {
    var message = " does not fit the code, which is for \(SignatureText.argument(wanted))"
    if case .array(let array) = wanted,
      array.extents.contains(where: { if case .parameter = $0 { true } else { false } })
    {
      message += " with sizes of 2 and more"
    }
    return raise(
      callee.diagnostic(.type, parameter, key: key, message), in: callee.sources)
  }

  /// The error for the first argument whose values are not those of the block.
  private func wrongValues(_ frame: CallFrame.Reference) throws(PythonException) -> PythonException
  {
    let words = block.words
    for (position, word) in words.enumerated() {
      let value = frame.pointee.values[position]
      let isRight: Bool =
        switch word {
        case .constant(let constant): constant == value
        case .parameter(let parameter):
          frame.pointee.values[block.parameterSources[parameter]] == value
        }
      if isRight { continue }
      switch layout.places[position] {
      case .extent(let leaf, _), .stride(let leaf, _), .scalar(let leaf), .imaginary(let leaf):
        return mismatch(leaf)
      case .threads: continue
      }
    }
    return callee.wrongCall("does not fit the code")
  }
}
