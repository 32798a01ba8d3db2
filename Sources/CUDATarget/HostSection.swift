import GPUMapping
import LoopIR

/// The host code of printed CUDA C++: what stands behind the last `#ifndef __CUDACC_RTC__`.
public enum HostSection {
  static let start = "#ifndef __CUDACC_RTC__"

  /// A number of 16 digits that tells host codes apart; space around lines, empty lines and lines of comment do not count.
  ///
  /// It is FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo), which finds changes that are no attacks.
  public static func digest(of text: String) -> String {
    let lines = text.split { $0.isNewline }.map { line in
      var line = line.drop { $0.isWhitespace }
      while line.last?.isWhitespace == true { line.removeLast() }
      return line
    }
    let section = lines.lastIndex { $0 == start }.map { lines[$0...] } ?? []
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for line in section where !line.isEmpty && !line.hasPrefix("//") {
      for byte in line.utf8 + [10] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
