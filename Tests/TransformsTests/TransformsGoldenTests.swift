import TestSupport
import Testing
import Transforms

@Suite struct TransformsGoldenTests {
  @Test func splitComplex() throws { try runGoldens(pass: Transforms.splitComplex) }
  @Test func foldConstants() throws { try runGoldens(pass: Transforms.foldConstants) }
  @Test func foldProducts() throws { try runGoldens(pass: Transforms.foldProducts) }
  @Test func checkBounds() throws { try runGoldens(pass: Transforms.checkBounds) }
  @Test func checkAccesses() throws { try runGoldens(pass: Transforms.checkAccesses) }
  @Test func removeUnobserved() throws { try runGoldens(pass: Transforms.removeUnobserved) }
  @Test func mergeCopies() throws { try runGoldens(pass: Transforms.mergeCopies) }
  @Test func removeUnused() throws { try runGoldens(pass: Transforms.removeUnused) }
}
