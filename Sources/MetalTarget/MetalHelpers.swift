import KernelText
import LoopIR

// Helpers that threads make together, and those that change memory in one step.
extension MetalDialect {
  /// SIMD groups by shuffles, then the first of them over their results, as `CUDADialect` does with warps.
  ///
  /// A function cannot declare threadgroup memory, so it is given some.
  func blockReduction(_ name: String, _ op: BinaryOperator, _ type: ScalarType) -> String {
    let t = self.name(of: type)
    let joined = HelperFunction.join(op, type, "value", "other", self)
    let unit = LiteralText.identity(of: op, type, self)
    let identity = type.isFloat ? unit : "\(t)(\(unit))"
    let step = """
      for (ushort offset = 16; offset > 0; offset /= 2) {
        const \(t) other = \(shuffled(type));
        value = \(joined);
      }
      """
    let outer = step.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    let inner = step.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
    return """
      inline \(t) \(name)(\(t) value, threadgroup \(t) *partial, uint thread_index, uint block_size) {
      \(outer)
        if (block_size > 32) {
          const uint lane = thread_index % 32, group = thread_index / 32;
          if (lane == 0) partial[group] = value;
          threadgroup_barrier(mem_flags::mem_threadgroup);
          value = lane < block_size / 32 ? partial[lane] : \(identity);
      \(inner)
          threadgroup_barrier(mem_flags::mem_threadgroup);
        }
        return value;
      }

      """
  }

  /// The value of the lane that lies `offset` away: shuffles know neither 64 bits nor, in every version, 8 and 16.
  private func shuffled(_ type: ScalarType) -> String {
    let t = name(of: type)
    switch type {
    case .int64, .uint64, .float64, .complex64, .complex128:
      return "as_type<\(t)>(simd_shuffle_xor(as_type<uint2>(value), offset))"
    case .float16, .bfloat16: return "\(t)(simd_shuffle_xor(float(value), offset))"
    case .bool, .int8, .int16, .uint8, .uint16:
      return "\(t)(simd_shuffle_xor(int(value), offset))"
    case .int32, .uint32, .float32: return "simd_shuffle_xor(value, offset)"
    }
  }

  /// `*place = *place op value` as one step, by compare and exchange of the word around the element.
  func atomicUpdate(_ name: String, _ op: BinaryOperator, _ type: ScalarType, in space: String)
    -> String
  {
    let t = self.name(of: type)
    let head = "inline void \(name)(\(space) \(t) *place, \(t) value) {\n"
    let joined = HelperFunction.join(op, type, "former", "value", self)
    if op == .add, type == .int32 || type == .uint32 {
      return head
        + "  atomic_fetch_add_explicit((\(space) atomic_uint *)place, (uint)value, memory_order_relaxed);\n}\n\n"
    }
    if type.size == 4 {
      return head + """
          \(space) atomic_uint *const word = (\(space) atomic_uint *)place;
          uint seen = atomic_load_explicit(word, memory_order_relaxed);
          for (;;) {
            const \(t) former = as_type<\(t)>(seen);
            const \(t) wanted = \(joined);
            if (atomic_compare_exchange_weak_explicit(
                    word, &seen, as_type<uint>(wanted), memory_order_relaxed, memory_order_relaxed))
              return;
          }
        }


        """
    }
    let bits = type.size == 1 ? "uchar" : "ushort"
    let former = type == .bool ? "element != 0" : "as_type<\(t)>(element)"
    let wanted = type == .bool ? "(uchar)wanted" : "as_type<\(bits)>(wanted)"
    return head + """
        \(space) atomic_uint *const word = (\(space) atomic_uint *)((ulong)place & ~3ul);
        const uint shift = 8 * (uint)((ulong)place & 3ul);
        const uint mask = \(type.size == 1 ? "0xffu" : "0xffffu") << shift;
        uint seen = atomic_load_explicit(word, memory_order_relaxed);
        for (;;) {
          const \(bits) element = (\(bits))((seen & mask) >> shift);
          const \(t) former = \(former);
          const \(t) wanted = \(joined);
          const uint changed = (seen & ~mask) | ((uint)\(wanted) << shift);
          if (atomic_compare_exchange_weak_explicit(
                  word, &seen, changed, memory_order_relaxed, memory_order_relaxed))
            return;
        }
      }


      """
  }

  /// A pragma keeps the product apart from a sum around the call: the library has no function that does.
  func product(_ name: String, _ type: ScalarType) -> String {
    let t = self.name(of: type)
    return """
      inline \(t) \(name)(\(t) a, \(t) b) {
        \(Self.withoutContraction)
        return a * b;
      }

      """
  }

  /// Keeps products and sums apart: in a text, where it stands before all functions, or in a block that begins with it.
  static let withoutContraction = "#pragma clang fp contract(off)"

  /// The slot holds the number of the fault, the index and the size; the first thread that finds it free writes it.
  static let rangeTest = """
    inline bool in_range(int64_t index, int64_t size, device uint64_t *slot, uint fault) {
      if ((uint64_t)index < (uint64_t)size) return true;
      record_fault(slot, fault, index, size);
      return false;
    }

    """

  /// Numbers of faults have 32 bits, the lower half of the slot's first word: there is no exchange of 64.
  static let faultRecorder = """
    inline void record_fault(device uint64_t *slot, uint fault, int64_t first, int64_t second) {
      device atomic_uint *const number = (device atomic_uint *)slot;
      uint seen = 0;
      while (seen == 0) {
        if (atomic_compare_exchange_weak_explicit(
                number, &seen, fault, memory_order_relaxed, memory_order_relaxed)) {
          slot[1] = (uint64_t)first;
          slot[2] = (uint64_t)second;
          return;
        }
      }
    }

    """
}
