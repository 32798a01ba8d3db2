import CPUTarget
import LoopIR
import Testing

/// 16-bit floats are integers but while an operation is done, and LLVM is given no conversion that it has no instruction for.
@Suite struct HalfEmissionTests {
  private static func program(_ type: ScalarType) -> String {
    """
    def f(y: \(type)[n], x: \(type)[n], z: float64[n], s: \(type), n: int64 >= 2):
      local i: int64
      @workers(8) @lanes(8)
      for i in 0..<n:
        y[i] = exp(x[i] * s + 1.5) - \(type)(z[i])
        z[i] = float64(y[i] if x[i] < s else -y[i])
    """
  }

  @Test(arguments: [ScalarType.float16, .bfloat16])
  func nothingIsLeftToCompilerRt(type: ScalarType) throws {
    let emission = try Emission(Self.program(type))
    #expect(emission.lines(with: " half ") == [])
    #expect(emission.lines(with: "x half>") == [])
    #expect(emission.lines(with: "bfloat ") == [])
    #expect(emission.function("f_kernel0").filter { $0.contains("@llvm.fma.") } == [])
  }

  @Test func theInstructionIsUsedWhereThereIsOne() throws {
    var machine = Machine.avx2
    machine.features = "+avx2,+f16c,+fma"
    let emission = try Emission(Self.program(.float16), for: machine)
    #expect(emission.lines(with: "fptrunc <8 x float> %x to <8 x half>").count == 1)
    // A double is rounded once: to odd in float32 first.
    #expect(emission.lines(with: "fptrunc <8 x double> %x to <8 x float>").count == 1)
    #expect(emission.lines(with: "double %x to half") == [])
  }

  @Test func constantsAreTheirBits() throws {
    let emission = try Emission(
      """
      def f(y: float16[4], z: bfloat16[4]):
        y[0] = 1.0
        y[1] = -2.0
        z[0] = 1.0
        z[1] = nan
      """)
    #expect(emission.lines(with: "store i16 15360,").count == 1)
    #expect(emission.lines(with: "store i16 -16384,").count == 1)
    #expect(emission.lines(with: "store i16 16256,").count == 1)
    #expect(emission.lines(with: "store i16 32704,").count == 1)
  }
}
