import GPUMapping
import LoopIR
import struct Syntax.Diagnostic
import struct Syntax.Span

// What Metal does not have, and how much it has of the rest (Metal Feature Set Tables).

extension DeviceKernel {
  private static let maximumBuffers = 31
  private static let maximumSharedBytes = 32 * 1024

  /// The error that a kernel asks for more than there is; nil where it does not.
  func excess(sharedBytes: Int, hasSlot: Bool) -> Diagnostic? {
    let count = buffers.count + liveIns.count + (hasSlot ? 1 : 0)
    if count > Self.maximumBuffers {
      return Diagnostic(
        .program,
        "a kernel has \(count) arrays and scalars; on Metal it can have \(Self.maximumBuffers)",
        at: span, help: "put arrays of one type and shape into one array, or divide the loop")
    }
    if sharedBytes > Self.maximumSharedBytes {
      return Diagnostic(
        .program,
        "the threads of a block share \(sharedBytes) bytes of temporaries; on Metal they can share \(Self.maximumSharedBytes)",
        at: span, help: "make the temporary smaller, or pass an array for it")
    }
    return nil
  }
}

extension DeviceProgram {
  /// The errors about what kernels use and Metal lacks, each once.
  var obstaclesOnMetal: [Diagnostic] {
    var found: [Diagnostic] = []
    for kernel in kernels {
      let arrays = kernel.buffers.map { (host[$0].name, host[$0].element) }
      let scalars = kernel.liveIns.map { (host[$0].name, host[$0].type) }
      for (name, type) in arrays + scalars where type.isDouble {
        found.append(.noDoubles("'\(name)' is of type \(type)", at: kernel.span))
      }
      if found.isEmpty { found += kernel.body.obstaclesOnMetal(host) }
    }
    return found.isEmpty ? [] : [found[0]]
  }
}

extension [Statement] {
  /// The errors about single expressions and statements.
  fileprivate func obstaclesOnMetal(_ host: LoopFunction) -> [Diagnostic] {
    var found: [Diagnostic] = []
    forEachStatement { statement in
      statement.forEachExpression { e in
        e.forEachDescendant { part in
          if part.type.isDouble {
            found.append(.noDoubles("a value here is of type \(part.type)", at: part.span))
          }
        }
      }
      switch statement.kind {
      case .allocate(let id, _) where host[id].element.isDouble:
        found.append(.noDoubles("'\(host[id].name)' is of type float64", at: statement.span))
      case .loop(let loop):
        for update in loop.updates where host[update.buffer].element.size > 4 {
          found.append(.noWideAtomics(host[update.buffer], at: statement.span))
        }
      case .assign, .store, .whileLoop, .conditional, .device, .allocate, .launch, .barrier, .call,
        .requireEqual:
        break
      }
    }
    return found
  }
}

extension ScalarType {
  fileprivate var isDouble: Bool { self == .float64 || self == .complex128 }
}

extension Diagnostic {
  fileprivate static func noDoubles(_ reason: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "Metal does not support double-precision floating-point numbers: \(reason)",
      at: span,
      help: "pass arrays of float32, and leave force_float_size out or set it to parpy.types.F32")
  }

  fileprivate static func noWideAtomics(_ buffer: Buffer, at span: Span) -> Diagnostic {
    Diagnostic(
      .program,
      "several threads update elements of '\(buffer.name)', which have 64 bits; on Metal that takes at most 32",
      at: span,
      help: "use an array of int32 or uint32, or leave the loop's label out of the schedule")
  }
}
