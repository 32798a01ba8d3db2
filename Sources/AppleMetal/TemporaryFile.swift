#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The place of a file, in a directory that this user alone can look into; both go when nobody needs them.
final class TemporaryFile {
  let path: String
  private let directory: String

  /// Makes the directory; nil where that fails.
  init?() {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/parpy-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { return nil }
    directory = String(cString: made)
    path = directory + "/kernels"
  }

  deinit {
    unlink(path)
    rmdir(directory)
  }

  /// Writes the file; false where that fails.
  func write(_ bytes: [UInt8]) -> Bool {
    guard let file = fopen(path, "wb") else { return false }
    let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
    return fclose(file) == 0 && isWritten
  }

  /// What the file holds; nil where it cannot be read.
  var contents: [UInt8]? {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return ferror(file) == 0 ? bytes : nil }
      bytes += chunk[..<count]
    }
  }
}
