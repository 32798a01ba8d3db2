import GPUMapping
import KernelText
import LoopIR

// Helpers that change memory in one step, that access rows, and that look at an index.
extension CUDADialect {
  /// `*place = *place op value` as one step: by an instruction where there is one, else by compare and exchange.
  func atomicUpdate(_ name: String, _ op: BinaryOperator, _ type: ScalarType) -> String {
    let t = self.name(of: type)
    let head = "__device__ inline void \(name)(\(t) *place, \(t) value) {\n"
    let isNative =
      op == .add && (type == .float32 || type == .float64 || type.isInteger && type.size >= 4)
    if isNative {
      let word = type.isFloat ? t : type.size == 4 ? "unsigned" : "unsigned long long"
      return head + "  atomicAdd((\(word) *)place, (\(word))value);\n}\n"
    }
    let joined = HelperFunction.join(op, type, "former", "value", self)
    if type.size >= 4 {
      let word = type.size == 4 ? "unsigned" : "unsigned long long"
      return head + """
          union { \(word) bits; \(t) number; } seen, wanted;
          seen.number = *(volatile \(t) *)place;
          for (;;) {
            const \(t) former = seen.number;
            wanted.number = \(joined);
            const \(word) found = atomicCAS((\(word) *)place, seen.bits, wanted.bits);
            if (found == seen.bits) return;
            seen.bits = found;
          }
        }

        """
    }
    // Narrow elements are changed within the aligned word around them.
    return head + """
        unsigned *const word = (unsigned *)((unsigned long long)place & ~3ull);
        const unsigned shift = 8 * (unsigned)((unsigned long long)place & 3);
        const unsigned mask = \(type.size == 1 ? "0xffu" : "0xffffu") << shift;
        unsigned seen = *(volatile unsigned *)word;
        for (;;) {
          union { \(type.size == 1 ? "unsigned char" : "unsigned short") bits; \(t) number; } element;
          element.bits = (\(type.size == 1 ? "unsigned char" : "unsigned short"))((seen & mask) >> shift);
          const \(t) former = element.number;
          element.number = \(joined);
          const unsigned wanted = (seen & ~mask) | ((unsigned)element.bits << shift);
          const unsigned found = atomicCAS(word, seen, wanted);
          if (found == seen) return;
          seen = found;
        }
      }

      """
  }

  /// The type of 16 bytes of a scalar type, and the names of its parts.
  private func word(of type: ScalarType) -> (name: String, parts: [String]) {
    let parts = Array(["x", "y", "z", "w"].prefix(16 / max(4, type.size)))
    let isLong = type.size == 8 && !type.isFloat
    let plain = type.isFloat ? type.cuda : isLong ? "longlong" : "int"
    return ("\(type.isUnsignedInteger ? "u" : "")\(plain)\(parts.count)", parts)
  }

  /// The words of a row: the name of each, where it lies, and the elements in it.
  private func words(of type: ScalarType) -> (
    type: String, words: [(name: String, place: String, parts: [(element: String, part: String)])]
  ) {
    let (word, parts) = word(of: type)
    let names = parts.count == RowAccesses.lanes ? ["word"] : ["low", "high"]
    let words = names.enumerated().map { position, name in
      let first = position * parts.count
      let elements = parts.enumerated().map { ("row[\(first + $0)]", $1) }
      return (name, first == 0 ? "place" : "(place + \(first))", elements)
    }
    return (word, words)
  }

  func rowLoad(_ name: String, of type: ScalarType) -> String {
    let (word, words) = words(of: type)
    let lines = words.map { name, place, parts in
      let moves = parts.map { "\($0.element) = \(name).\($0.part);" }.joined(separator: " ")
      return "  const \(word) \(name) = *(const \(word) *)\(place);\n  \(moves)\n"
    }
    return
      "__device__ inline void \(name)(\(type.cuda) *row, const \(type.cuda) *place) {\n\(lines.joined())}\n"
  }

  func rowStore(_ name: String, of type: ScalarType) -> String {
    let (word, words) = words(of: type)
    let lines = words.map { _, place, parts in
      "  *(\(word) *)\(place) = make_\(word)(\(parts.map(\.element).joined(separator: ", ")));\n"
    }
    return
      "__device__ inline void \(name)(\(type.cuda) *place, const \(type.cuda) *row) {\n\(lines.joined())}\n"
  }

  static let alignmentTest = """
    __device__ inline bool is_aligned(const void *place) { return (uint64_t)place % 16 == 0; }

    """

  /// The slot holds the number of the fault, the index and the size; the first thread that finds it free writes it.
  static let rangeTest = """
    __device__ inline bool in_range(int64_t index, int64_t size, unsigned long long *slot, unsigned fault) {
      if ((uint64_t)index < (uint64_t)size) return true;
      record_fault(slot, fault, index, size);
      return false;
    }

    """

  static let faultRecorder = """
    __device__ inline void record_fault(unsigned long long *slot, unsigned fault, int64_t first, int64_t second) {
      if (atomicCAS(slot, 0ull, (unsigned long long)fault) == 0ull) {
        slot[1] = (unsigned long long)first;
        slot[2] = (unsigned long long)second;
      }
    }

    """
}
