/// The least number of insertions, deletions and substitutions of characters that make one string of the other.
///
/// Source: R. Wagner and M. Fischer, The String-to-String Correction Problem, J. ACM 21 (1974).
public func editDistance(_ first: String, _ second: String) -> Int {
  let (first, second) = (Array(first.prefix(64)), Array(second.prefix(64)))
  var row = Array(0...second.count)
  for (i, a) in first.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, b) in second.enumerated() {
      let substituted = diagonal + (a == b ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[second.count]
}

/// The name that was meant by a misspelt one, where there is one near enough.
///
/// - Parameter names: of those that are equally near, the one that begins alike for longest is taken, then the first.
public func likelyName(for written: String, among names: [String]) -> String? {
  let distances = names.map { name in
    (
      name: name, distance: editDistance(name, written),
      difference: -zip(name, written).prefix { $0 == $1 }.count
    )
  }
  guard
    let nearest = distances.min(by: {
      ($0.distance, $0.difference) < ($1.distance, $1.difference)
    }),
    nearest.distance > 0, nearest.distance <= (written.count + nearest.name.count + 3) / 6
  else { return nil }
  return nearest.name
}
