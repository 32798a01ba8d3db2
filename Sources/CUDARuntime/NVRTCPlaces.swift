#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where NVRTC may be: directories given, those of a toolkit, and what the system's loader knows.
struct NVRTCPlaces {
  private static let names = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"]

  private let directories: [String]

  init(_ given: [String]) {
    var directories = given
    for variable in ["CUDA_HOME", "CUDA_PATH"] {
      guard let home = getenv(variable).map({ String(cString: $0) }), !home.isEmpty else {
        continue
      }
      directories += [home + "/lib64", home + "/lib"]
    }
    self.directories = directories + ["/usr/local/cuda/lib64"] + Self.installed
  }

  /// The libraries to try, best first: files that are there, then names for the loader.
  var candidates: [String] {
    directories.flatMap { directory in Self.names.map { directory + "/" + $0 } }
      .filter { access($0, F_OK) == 0 } + Self.names
  }

  /// The directories of installed toolkits, the newest first.
  private static var installed: [String] { paths(matching: "/usr/local/cuda-*/lib64").reversed() }

  /// The libraries beside NVRTC that it opens itself, by names that tools which stand before `dlopen` (sanitizers, profilers)
  /// do not find; what is open already is found.
  static func companions(of library: String) -> [String] {
    guard let slash = library.lastIndex(of: "/") else { return [] }
    return paths(matching: library[..<slash] + "/libnvrtc-builtins.so.*")
  }

  private static func paths(matching pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, 0, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { index in
      found.gl_pathv?[index].map { String(cString: $0) }
    }
  }

  static let remedy = "pip install 'parpy[cuda]'"

  /// The error for a library that is nowhere.
  ///
  /// - Parameter failures: what the loader said of each candidate.
  func notFound(_ failures: [String]) -> CUDAError {
    let broken = failures.dropLast(Self.names.count)
    return CUDAError(
      .unavailable,
      "NVRTC (libnvrtc.so), which compiles CUDA code, was not found. Looked for in "
        + directories.joined(separator: ", ") + " and by the system's loader."
        + broken.map { "\n" + $0 }.joined(),
      help: Self.remedy)
  }
}
