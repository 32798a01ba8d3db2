import CPython
import LoopIR

/// The sets of keys of the dictionaries that a function was called with, each with a number that stands in the keys of
/// its specialisations.
///
/// A shape lasts as long as the function: each costs a compilation, beside which its memory is nothing.
final class DictionaryShapes {
  /// A set of keys, in the order of their UTF-8.
  struct Shape {
    let keys: [String]
    /// The keys as Python strings, owned by the table.
    let objects: UnsafeMutableBufferPointer<PythonPointer>
  }

  private var shapes: [Shape] = []
  /// The shape of each parameter's latest dictionary, or -1.
  private let latest: UnsafeMutableBufferPointer<Int>

  /// An empty table.
  init(parameters: Int) {
    latest = .allocate(capacity: parameters)
    latest.initialize(repeating: -1)
  }

  deinit {
    latest.deallocate()
    for shape in shapes {
      shape.objects.forEach { py_release($0) }
      shape.objects.deallocate()
    }
  }

  /// The shape with that number; nil where no dictionary had it.
  subscript(number: Int) -> Shape? { shapes.indices.contains(number) ? shapes[number] : nil }

  /// Adds the dictionary's values to those that the frame owns, in the order of the keys; returns the shape's number.
  func appendValues(
    of dictionary: PythonPointer, _ place: ArgumentPlace, to frame: CallFrame.Reference,
    for callee: Callee
  ) throws(PythonException) -> Int {
    frame.pointee.reserve(entries: PyDict_Size(dictionary))
    let known = latest[place.parameter]
    if let shape = self[known], try appendValues(of: dictionary, shape, to: frame) { return known }
    let number = try find(dictionary, place, callee)
    guard let shape = self[number], try appendValues(of: dictionary, shape, to: frame) else {
      throw callee.typeMismatch(place, " cannot be looked up in by its own keys")
    }
    latest[place.parameter] = number
    return number
  }

  /// Adds the values where the dictionary has those keys and no others; returns whether it has.
  @inline(__always)
  private func appendValues(
    of dictionary: PythonPointer, _ shape: Shape, to frame: CallFrame.Reference
  ) throws(PythonException) -> Bool {
    guard PyDict_Size(dictionary) == shape.objects.count else { return false }
    let start = frame.pointee.ownedCount
    for key in shape.objects {
      guard let value = PyDict_GetItemWithError(dictionary, key) else {
        if PyErr_Occurred() != nil { throw PythonException() }
        frame.pointee.release(downTo: start)
        return false
      }
      frame.pointee.keep(OwnedObject(retaining: value))
    }
    return true
  }

  /// The number of the dictionary's shape, which is new perhaps.
  private func find(
    _ dictionary: PythonPointer, _ place: ArgumentPlace, _ callee: Callee
  ) throws(PythonException) -> Int {
    var keys: [String] = []
    let list = try OwnedObject(PyDict_Keys(dictionary))
    try list.pointer.forEachItem { key throws(PythonException) in
      guard py_is_string(key) else {
        let text = String(representing: key, orElse: key.description)
        throw callee.typeMismatch(
          place,
          ": the key \(text) is not supported; keys of dictionaries must be strings"
        )
      }
      keys.append(try String(python: key))
    }
    keys.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let known = shapes.firstIndex { shape in
      shape.keys.count == keys.count
        && zip(shape.keys, keys).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
    }
    if let known { return known }
    return try number(of: keys)
  }

  /// The number of a new shape with those keys, which must be in order.
  func number(of keys: [String]) throws(PythonException) -> Int {
    var objects: [PythonPointer] = []
    do throws(PythonException) {
      for key in keys {
        var object: PythonPointer? = try key.python().taken()
        PyUnicode_InternInPlace(&object)
        if let object { objects.append(object) }
      }
    } catch {
      objects.forEach { py_release($0) }
      throw error
    }
    let owned = UnsafeMutableBufferPointer<PythonPointer>.allocate(capacity: objects.count)
    _ = owned.initialize(from: objects)
    shapes.append(Shape(keys: keys, objects: owned))
    return shapes.count - 1
  }
}

/// Which argument a message is about: that of a parameter, or an entry of the dictionary passed for it.
struct ArgumentPlace {
  var parameter: Int
  /// The entry's key, borrowed from its shape.
  var key: PythonPointer?

  /// The place of a parameter's argument.
  @inline(__always)
  init(_ parameter: Int, key: PythonPointer? = nil) {
    self.parameter = parameter
    self.key = key
  }
}
