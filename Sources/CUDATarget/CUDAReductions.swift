import KernelText
import LoopIR

/// How threads join what each of them has: lanes by shuffles, warps by way of the memory that their block shares, blocks of a cluster
/// by way of each other's.
extension CUDADialect {
  /// Warps by shuffles, then the first warp over their results (M. Harris, Optimizing Parallel Reduction in CUDA, 2007, and the
  /// warp shuffles of compute capability 3.0 on).
  func blockReduction(
    _ helper: HelperFunction, _ op: BinaryOperator, _ type: ScalarType
  ) -> String {
    let t = name(of: type)
    let step = warpReduction(op, type)
    let inner = step.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    return helper.function(self, type, "\(t) value") {
      """
      __shared__ \(t) warps[32];
      \(step)
      if (blockDim.x > 32) {
        const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
        if (lane == 0) warps[warp] = value;
        __syncthreads();
        value = lane < blockDim.x / 32 ? warps[lane] : \(identity(of: op, type));
      \(inner)
        __syncthreads();
      }
      return value;
      """
    }
  }

  /// Lanes exchange what they have, in `value`, until each has the result of the warp.
  private func warpReduction(_ op: BinaryOperator, _ type: ScalarType) -> String {
    let t = name(of: type)
    let isNarrow = type.size < 4 && !type.isFloat
    // In a variable of its own: `&&` and `||` would leave the shuffle out where the value decides, and all lanes must come to it.
    let other =
      isNarrow
      ? "(\(t))__shfl_xor_sync(0xffffffffu, (int)value, offset)"
      : "__shfl_xor_sync(0xffffffffu, value, offset)"
    return """
      for (int offset = 16; offset > 0; offset /= 2) {
        const \(t) other = \(other);
        value = \(HelperFunction.join(op, type, "value", "other", self));
      }
      """
  }

  private func identity(of op: BinaryOperator, _ type: ScalarType) -> String {
    let literal = LiteralText.identity(of: op, type, self)
    return type.isFloat ? literal : "(\(name(of: type)))\(literal)"
  }

  /// The lanes of a warp read what the blocks leave in their shared memory, one each, and join it as those of one block do with what
  /// several blocks leave in memory of the device: with and without clusters the result has the same bits.
  ///
  /// The cluster has as many blocks as the grid along x.
  func clusterReduction(
    _ helper: HelperFunction, _ op: BinaryOperator, _ type: ScalarType
  ) -> String {
    let t = name(of: type)
    return helper.function(self, type, "\(t) value") {
      """
      __shared__ \(t) total;
      if (threadIdx.x == 0) total = value;
      __cluster_barrier_arrive();
      __cluster_barrier_wait();
      const unsigned rank = threadIdx.x % 32;
      value = rank < gridDim.x ? *(const \(t) *)__cluster_map_shared_rank(&total, rank) : \(identity(of: op, type));
      // No block ends, or comes to its next total, before all have read this one.
      __cluster_barrier_arrive();
      \(warpReduction(op, type))
      __cluster_barrier_wait();
      return value;
      """
    }
  }

  static let clusterBarrier = """
    __device__ inline void cluster_barrier() {
      __cluster_barrier_arrive();
      __cluster_barrier_wait();
    }

    """
}
