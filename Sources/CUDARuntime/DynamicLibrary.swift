import CCUDA

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A library opened while the program runs, which stays open until the process ends.
///
/// The one file that opens libraries.
package struct DynamicLibrary {
  /// The name it was found under.
  let name: String
  private let handle: UnsafeMutableRawPointer

  /// Opens the first library of `names` that there is; a name without a slash is looked up by the system's loader.
  ///
  /// - Parameter failures: gets what the loader says of each that it could not open.
  package init?(firstOf names: [String], failures: inout [String]) {
    for name in names {
      if let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) {
        self.name = name
        self.handle = handle
        return
      }
      failures.append(dlerror().map { String(cString: $0) } ?? name)
    }
    return nil
  }

  /// The file that has the function of that name; the name under which the library was found where that is not known.
  func path(ofFunction name: String) -> String {
    guard let address = dlsym(handle, name), let path = parpy_library_of(address) else {
      return self.name
    }
    return String(cString: path)
  }

  /// The address of the function of that name; nil where there is none.
  package func address(ofFunction name: String) -> UnsafeMutableRawPointer? { dlsym(handle, name) }

  /// The function of that name.
  ///
  /// - Requires: `Function` is the C type of what the library has under the name.
  /// - Throws: an error that says which function is missing.
  func function<Function>(
    _ name: String, as type: Function.Type = Function.self
  ) throws(CUDAError) -> Function {
    guard let address = address(ofFunction: name),
      MemoryLayout<Function>.size == MemoryLayout<UnsafeMutableRawPointer>.size
    else {
      throw CUDAError(
        .unavailable, "\(self.name) has no function '\(name)': it is older than CUDA 12.")
    }
    return unsafeBitCast(address, to: type)
  }
}
