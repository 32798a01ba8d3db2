// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// A stage of the compiler; docs/architecture.md draws how they follow each other.
func stage(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: strict)
}

let package = Package(
  name: "ParPy",
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
    stage("CUDATarget", ["LoopIR", "Schedule", "GPUMapping"]),
    stage("MetalTarget", ["Syntax", "LoopIR", "GPUMapping", "CUDATarget"]),
    stage(
      "Compiler",
      [
        "Lowering", "Transforms", "Schedule", "CPUTarget", "GPUMapping", "CUDATarget",
        "MetalTarget",
      ]),
    .target(name: "CCUDA"),
    stage("CUDARuntime", ["CCUDA", "LoopIR", "GPUMapping"]),
    .target(name: "CMetal"),
    stage("MetalRuntime", ["CMetal", "LoopIR", "GPUMapping", "CUDARuntime"]),
    .target(name: "CRuntime"),
    stage("Runtime", ["CRuntime"]),
    .target(name: "CPython"),
    stage("Native", ["Compiler", "Runtime", "CPython", "CUDARuntime", "MetalRuntime"]),
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
  ]
)
