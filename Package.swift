// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// A stage of the compiler; docs/architecture.md draws how they follow each other.
func stage(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: strict)
}

#if os(macOS)
  // The device of a Mac, on Apple's framework. Without Core Graphics a command-line program is given no GPU.
  let metalFramework: [Target] = []
  let appleMetal = Target.target(
    name: "AppleMetal", dependencies: ["CUDARuntime", "MetalRuntime"], exclude: ["README.md"],
    swiftSettings: strict,
    linkerSettings: [.linkedFramework("Metal"), .linkedFramework("CoreGraphics")])
  let deviceOfSystem: [Target.Dependency] = ["AppleMetal"]
  // It compiles against the real framework and is tested on the GPU, by what runs on it.
  let appleMetalTests: [Target] = []
#else
  // The same code, for its tests alone, with a module in the framework's place that keeps what is asked of it.
  let metalFramework: [Target] = [
    .target(name: "RecordingMetal", path: "Tests/RecordingMetal", swiftSettings: strict)
  ]
  let inPlaceOfMetal: SwiftSetting = .unsafeFlags(["-module-alias", "Metal=RecordingMetal"])
  let appleMetal = Target.target(
    name: "AppleMetal", dependencies: ["CUDARuntime", "MetalRuntime", "RecordingMetal"],
    exclude: ["README.md"], swiftSettings: strict + [inPlaceOfMetal])
  let deviceOfSystem: [Target.Dependency] = []
  let appleMetalTests: [Target] = [
    .testTarget(
      name: "AppleMetalTests",
      dependencies: [
        "LoopIR", "GPUMapping", "CUDARuntime", "MetalRuntime", "AppleMetal", "RecordingMetal",
        "CForking", "TestSupport",
      ],
      swiftSettings: strict + [inPlaceOfMetal])
  ]
#endif

let package = Package(
  name: "ParPy",
  platforms: [.macOS(.v15)],
  products: [.library(name: "ParPyNative", type: .dynamic, targets: ["Native"])],
  targets: [
    stage("Syntax"),
    stage("Passes", ["Syntax"]),
    stage("LoopIR", ["Syntax", "Passes"]),
    stage("Lowering", ["Syntax", "LoopIR"]),
    stage("Transforms", ["LoopIR", "Passes"]),
    stage("Schedule", ["LoopIR", "Passes", "Transforms"]),
    stage("CPUTarget", ["LoopIR", "Schedule"]),
    stage("GPUMapping", ["LoopIR", "Passes", "Schedule"]),
    stage("KernelText", ["Syntax", "LoopIR", "Schedule", "GPUMapping"]),
    stage("CUDATarget", ["LoopIR", "Schedule", "GPUMapping", "KernelText"]),
    stage("MetalTarget", ["Syntax", "LoopIR", "GPUMapping", "KernelText"]),
    stage(
      "Compiler",
      [
        "Lowering", "Transforms", "Schedule", "CPUTarget", "GPUMapping", "KernelText", "CUDATarget",
        "MetalTarget",
      ]),
    .target(name: "CCUDA"),
    stage("CUDARuntime", ["CCUDA", "LoopIR", "GPUMapping"]),
    .target(name: "CMetal"),
    stage("MetalRuntime", ["CMetal", "LoopIR", "GPUMapping", "CUDARuntime"]),
    appleMetal,
    .target(name: "CRuntime"),
    stage("Runtime", ["CRuntime"]),
    .target(name: "CPython"),
    .target(
      name: "Native",
      dependencies: ["Compiler", "Runtime", "CPython", "CUDARuntime", "MetalRuntime"]
        + deviceOfSystem,
      exclude: ["README.md"], swiftSettings: strict,
      // Python's symbols come from the interpreter.
      linkerSettings: [
        .unsafeFlags(
          ["-Xlinker", "-undefined", "-Xlinker", "dynamic_lookup"], .when(platforms: [.macOS]))
      ]),
    .target(name: "CForking", path: "Tests/CForking"),
    .testTarget(
      name: "RuntimeTests", dependencies: ["Runtime", "CRuntime", "CForking"],
      swiftSettings: strict),
    .target(
      name: "TestSupport", dependencies: ["Syntax", "Passes", "LoopIR", "Lowering", "GPUMapping"],
      path: "Tests/TestSupport", swiftSettings: strict),
    .testTarget(
      name: "PassesTests", dependencies: ["Syntax", "Passes"], swiftSettings: strict),
    .testTarget(
      name: "SyntaxTests", dependencies: ["Syntax"], swiftSettings: strict),
    .testTarget(
      name: "LoopIRTests", dependencies: ["Syntax", "Passes", "LoopIR", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "LoweringTests", dependencies: ["Syntax", "LoopIR", "Lowering", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "TransformsTests",
      dependencies: ["Syntax", "Passes", "LoopIR", "Transforms", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "ScheduleTests",
      dependencies: ["Syntax", "Passes", "LoopIR", "Schedule", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "GPUMappingTests",
      dependencies: ["Syntax", "Passes", "LoopIR", "Schedule", "GPUMapping", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "CPUTargetTests",
      dependencies: ["LoopIR", "Schedule", "CPUTarget", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "CUDARuntimeTests",
      dependencies: ["CCUDA", "Syntax", "LoopIR", "GPUMapping", "CUDARuntime", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "CompilerTests",
      dependencies: ["Syntax", "LoopIR", "Lowering", "CPUTarget", "Compiler", "TestSupport"],
      swiftSettings: strict),
  ] + metalFramework + appleMetalTests
)
