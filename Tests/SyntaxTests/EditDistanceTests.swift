import Syntax
import Testing

/// Misspelt names are told from others.
@Suite struct EditDistanceTests {
  @Test(arguments: [
    ("label", "label", 0), ("lable", "label", 2), ("", "abc", 3), ("sinn", "sin", 1), ("a", "b", 1),
  ])
  func countsChanges(_ first: String, _ second: String, _ distance: Int) {
    #expect(editDistance(first, second) == distance)
    #expect(editDistance(second, first) == distance)
  }

  @Test func takesTheNearestName() {
    #expect(likelyName(for: "lable", among: ["table_of_all", "label", "jit"]) == "label")
    #expect(likelyName(for: "sinn", among: ["sign", "sin", "sinc"]) == "sin")
    #expect(likelyName(for: "Pi", among: ["e", "pi"]) == "pi")
  }

  @Test func leavesAloneWhatIsFarOrShortOrTheSame() {
    #expect(likelyName(for: "out", among: ["x", "threads"]) == nil)
    #expect(likelyName(for: "j", among: ["i", "k"]) == nil)
    #expect(likelyName(for: "x", among: ["x"]) == nil)
    #expect(likelyName(for: "x", among: []) == nil)
  }
}
