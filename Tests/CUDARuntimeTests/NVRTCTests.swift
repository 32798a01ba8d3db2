import Foundation
import Testing

@testable import CUDARuntime

/// The real compiler, where it is installed; no GPU is needed.
struct NVRTCTests {
  /// `nvidia/*/lib` of the wheels in `.venv` beside this package, or what `PARPY_TEST_NVRTC` says.
  static let directories: [String] = {
    if let given = ProcessInfo.processInfo.environment["PARPY_TEST_NVRTC"] {
      return given.split(separator: ":").map(String.init)
    }
    let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let files = FileManager.default
    func children(_ folder: URL) -> [URL] {
      (try? files.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
    }
    return children(root.appending(path: ".venv/lib")).flatMap {
      children($0.appending(path: "site-packages/nvidia"))
    }.map { $0.appending(path: "lib").path }.sorted()
  }()

  private static let compiler = try? NVRTC(libraryIn: directories)

  private static let text = """
    extern "C" __global__ void scale(float *y, const float *x, long long n, float a) {
      long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
      if (i < n) y[i] = a * x[i] + y[i];
    }

    """

  @Test(.enabled(if: compiler != nil, "NVRTC is not installed: pip install nvidia-cuda-nvrtc"))
  func kernelsBecomeCubins() throws {
    let compiler = try #require(Self.compiler)
    let options = NVRTC.Options(architecture: "sm_90")
    let cubin = try compiler.compile(Self.text, options)
    #expect(cubin.starts(with: [0x7F] + Array("ELF".utf8)))
    #expect(try compiler.compile(Self.text, options) == cubin)
    let strict = try compiler.compile(
      Self.text, NVRTC.Options(architecture: "sm_90", isStrict: true))
    #expect(strict != cubin)
  }

  @Test(.enabled(if: compiler != nil, "NVRTC is not installed: pip install nvidia-cuda-nvrtc"))
  func newerGPUsGetText() throws {
    let compiler = try #require(Self.compiler)
    let output = try compiler.compile(Self.text, NVRTC.Options(architecture: "sm_999"))
    let newest = try #require(compiler.architectures.last)
    #expect(String(decoding: output, as: UTF8.self).contains(".target sm_\(newest)"))
    #expect(output.last == 0)
  }

  @Test(.enabled(if: compiler != nil, "NVRTC is not installed: pip install nvidia-cuda-nvrtc"))
  func theRuntimeAPIIsThereWhereItIsNamed() throws {
    let compiler = try #require(Self.compiler)
    let text = """
      extern "C" __global__ void fetch(float *y, cudaTextureObject_t x) {
        y[threadIdx.x] = tex1Dfetch<float>(x, threadIdx.x);
      }

      """
    let cubin = try compiler.compile(text, NVRTC.Options(architecture: "sm_90"))
    #expect(cubin.starts(with: [0x7F] + Array("ELF".utf8)))
  }

  @Test(.enabled(if: compiler != nil, "NVRTC is not installed: pip install nvidia-cuda-nvrtc"))
  func errorsQuoteTheLine() throws {
    let compiler = try #require(Self.compiler)
    let wrong = Self.text + "__device__ int f() { return unknown; }\n"
    let error = #expect(throws: CUDAError.self) {
      try compiler.compile(wrong, NVRTC.Options(architecture: "sm_90"))
    }
    #expect(error?.reason == .compilation)
    let message = try #require(error?.message)
    #expect(message.contains("unknown"))
    #expect(
      message.hasSuffix(
        "\nThe line 5 of the generated code:\n    __device__ int f() { return unknown; }"))
    // Flags that do not exist are reported too.
    #expect(throws: CUDAError.self) {
      try compiler.compile(
        Self.text, NVRTC.Options(architecture: "sm_90", flags: ["--no-such-flag"]))
    }
  }

  @Test(.enabled(if: compiler != nil, "NVRTC is not installed: pip install nvidia-cuda-nvrtc"))
  func keysHoldWhatDecidesTheOutput() throws {
    let compiler = try #require(Self.compiler)
    let options = NVRTC.Options(architecture: "sm_90")
    var others = Array(repeating: options, count: 4)
    others[0].architecture = "sm_80"
    others[1].isStrict = true
    others[2].includes = ["/include"]
    others[3].flags = ["-lineinfo"]
    let keys = ([options] + others).map { compiler.cacheKey("text", $0) }
    #expect(Set(keys).count == 5)
    #expect(keys.allSatisfy { $0.contains(compiler.version) && $0.hasSuffix("\n\ntext") })
    #expect(compiler.cacheKey("text", options) == keys[0])
  }

  @Test func librariesThatAreNowhereAreNamedWithThePlaces() {
    let places = NVRTCPlaces(["/no/such/directory"])
    #expect(places.candidates.allSatisfy { !$0.hasPrefix("/no/such") })
    let error = places.notFound(["broken: wrong ELF class"] + places.candidates.suffix(3))
    #expect(error.reason == .unavailable)
    #expect(error.message.contains("/no/such/directory"))
    #expect(error.message.contains("wrong ELF class"))
    #expect(error.help == "pip install 'parpy[cuda]'")
  }

  @Test func logsTellTheLine() {
    #expect(CompilerLog("kernels.cu(12): error: no\nkernels.cu(3): error: no").firstLine == 12)
    #expect(CompilerLog("kernels.cu(4): warning #1: (5)\nkernels.cu(7): error: no").firstLine == 7)
    #expect(CompilerLog("own.h(3): error: no\nkernels.cu(7): error: no").firstLine == nil)
    #expect(CompilerLog("nvrtc: error: invalid value").firstLine == nil)
    #expect(CompilerLog("kernels.cu(9): error").quote(from: "one line") == "")
    let text = "helper\n// example.py:7\nkernel {\n  body\n}\n// example.py:9\nother"
    #expect(
      CompilerLog("kernels.cu(4): error: no").quote(from: text)
        == "\nThe line 4 of the generated code, made of example.py:7:\n      body")
    let quote = CompilerLog("kernels.cu(1): error: no").quote(from: text)
    #expect(quote.hasSuffix("code:\n    helper"))
  }

  @Test func logsTellWhatIsMissing() {
    let log = "kernels.cu(2): catastrophic error: cannot open source file \"cuda_fp16.h\"\n"
    #expect(CompilerLog(log).missingHeader == "cuda_fp16.h")
    #expect(CompilerLog("kernels.cu(2): error: no").missingHeader == nil)
    #expect(CompilerLog("cannot open source file \"").missingHeader == nil)
  }

  @Test(.enabled(if: compiler != nil, "NVRTC is not installed: pip install nvidia-cuda-nvrtc"))
  func missingHeadersAreNamed() throws {
    let compiler = try #require(Self.compiler)
    func error(_ include: String) -> CUDAError? {
      #expect(throws: CUDAError.self) {
        try compiler.compile(
          "#include \(include)\n",
          NVRTC.Options(architecture: "sm_90", includes: ["/no/such/directory"]))
      }
    }
    let ofCUDA = error("<nowhere.h>")
    #expect(ofCUDA?.reason == .unavailable)
    #expect(ofCUDA?.help == "pip install 'parpy[cuda]'")
    let ofUser = error("\"nowhere.h\"")
    #expect(ofUser?.reason == .compilation)
    #expect(ofUser?.help == nil)
    for error in [ofCUDA, ofUser] {
      #expect(error?.message.contains("the header nowhere.h") == true)
      #expect(error?.message.contains("/no/such/directory") == true)
    }
  }
}
