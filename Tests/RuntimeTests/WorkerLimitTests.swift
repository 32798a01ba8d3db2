import CRuntime
import Testing

@testable import Runtime

@Suite struct WorkerLimitTests {
  @Test(arguments: [nil, "", " ", "1000000"])
  func isOnePerCore(text: String?) {
    #expect(WorkerLimit(environmentValue: text)?.workerCount() == parpy_core_count())
  }

  @Test(arguments: ["0", "-3", "two", "2.5", "99999999999999999999"])
  func isNone(text: String) {
    #expect(WorkerLimit(environmentValue: text) == nil)
  }

  @Test func obeysTheEnvironmentBelowTheCoreCount() {
    #expect(WorkerLimit(environmentValue: "1")?.workerCount() == 1)
  }
}
