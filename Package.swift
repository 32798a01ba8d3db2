// swift-tools-version: 6.2
import PackageDescription

// One target a stage, in pipeline order; docs/architecture.md draws the pipeline.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
  name: "ParPy",
  products: [.library(name: "ParPyNative", type: .dynamic, targets: ["Native"])],
  targets: [
    .target(name: "Syntax", swiftSettings: strict),
    .target(name: "Passes", swiftSettings: strict),
    .target(name: "LoopIR", dependencies: ["Syntax", "Passes"], swiftSettings: strict),
    .target(name: "Lowering", dependencies: ["Syntax", "LoopIR"], swiftSettings: strict),
    .target(name: "Transforms", dependencies: ["LoopIR"], swiftSettings: strict),
    .target(name: "Schedule", dependencies: ["LoopIR", "Transforms"], swiftSettings: strict),
    .target(name: "CPUTarget", dependencies: ["LoopIR", "Schedule"], swiftSettings: strict),
    .target(
      name: "Compiler", dependencies: ["Lowering", "Transforms", "Schedule", "CPUTarget"],
      swiftSettings: strict),
    .target(name: "CRuntime"),
    .target(name: "Runtime", dependencies: ["CRuntime"], swiftSettings: strict),
    .target(name: "CPython"),
    .target(
      name: "Native", dependencies: ["Compiler", "Runtime", "CPython"],
      swiftSettings: strict),
  ]
)
