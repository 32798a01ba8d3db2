import Syntax
import Testing

@Suite struct FunctionTests {
  private func label(_ name: String) -> Statement {
    let callee = Expression(.attribute(Expression(.name("parpy")), "label"))
    return Statement(
      .expression(
        Expression(.call(callee, arguments: [Expression(.string(name))], keywords: []))))
  }

  @Test func labelsAreFoundOnceEachInOrder() {
    let one = Expression(.integer(1))
    let loop = Statement(
      .forLoop(target: Expression(.name("i")), iterable: one, body: [label("b"), label("a")]))
    let branch = Statement(
      .conditional(test: one, then: [label("c")], otherwise: [label("d"), label("a")]))
    let other = Statement(
      .expression(
        Expression(
          .call(
            Expression(.name("print")),
            arguments: [Expression(.string("e")), Expression(.string("e"))], keywords: []))))
    let function = Function(
      "f", parameters: [],
      body: [
        label("a"), loop, Statement(.whileLoop(test: one, body: [branch])),
        Statement(.with(context: one, body: [label("f"), other])),
      ])
    #expect(function.labelNames == ["a", "b", "c", "d", "f"])
  }

  @Test func pathsAreNamesAndAttributesAlone() {
    let base = Expression(.attribute(Expression(.name("parpy")), "operators"))
    #expect(Expression(.attribute(base, "sum")).path == ["parpy", "operators", "sum"])
    let call = Expression(.call(base, arguments: [], keywords: []))
    #expect(Expression(.attribute(call, "sum")).path == nil)
  }

  /// Nodes compare by what they mean, not by where they stand.
  @Test func spansTakeNoPartInEquality() {
    let here = Span(line: 1, column: 2, endLine: 3, endColumn: 4)
    #expect(Expression(.name("x"), at: here) == Expression(.name("x")))
    #expect(Set([Expression(.name("x"), at: here), Expression(.name("x"))]).count == 1)
    #expect(Expression(.name("x")) != Expression(.name("y")))
  }

  @Test func childrenComeInSourceOrder() {
    let (a, b, c) = (Expression(.name("a")), Expression(.name("b")), Expression(.name("c")))
    func children(_ kind: Expression.Kind) -> [Expression] {
      var found: [Expression] = []
      Expression(kind).forEachChild { found.append($0) }
      return found
    }
    #expect(children(.comparison(a, [.init(.less, b), .init(.equal, c)])) == [a, b, c])
    #expect(children(.conditional(test: b, then: a, otherwise: c)) == [a, b, c])
    #expect(
      children(.subscripted(a, [.slice(lower: b, upper: nil, step: c), .ellipsis])) == [a, b, c])
    #expect(children(.call(a, arguments: [b], keywords: [.init("k", c)])) == [a, b, c])
  }

  @Test func aSourceFileKnowsItsLines() {
    let file = SourceFile(name: "f.py", firstLine: 5, lines: ["a", "b"])
    #expect(file.line(4) == nil)
    #expect(file.line(5) == "a")
    #expect(file.line(6) == "b")
    #expect(file.line(7) == nil)
  }

  @Test func annotationsNameTheirVariables() {
    #expect(Annotation("scalar $17") == .scalar(.variable(Annotation.Variable(17))))
    #expect(
      Annotation("array $9:T [ 3 $18:N $18 ]")
        == .array(
          .variable(Annotation.Variable(9, named: "T")),
          [
            .fixed(3), .variable(Annotation.Variable(18, named: "N")),
            .variable(Annotation.Variable(18)),
          ]))
    #expect(Annotation("array float32 [ $ ]") == nil)
    #expect(Annotation("array float32 [ $x:N ]") == nil)
  }
}
