"""Prints one line a test runner, "swift: 12 passed, 0 failed", from the reports `make test` wrote.

A runner that left no report, or ran no test, counts as a failure: the exit status is 1.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

REPORTS = Path(__file__).resolve().parent.parent / ".build"


def main() -> int:
    """Counts, prints, and returns the exit status."""
    good = True
    print()
    for runner in ("swift", "pytest", "metal" if sys.platform == "darwin" else "emulated"):
        total = failed = skipped = 0
        # SwiftPM writes one report for XCTest and one for Swift Testing.
        for report in sorted(REPORTS.glob(f"tests-{runner}*.xml")):
            for suite in ElementTree.parse(report).iter("testsuite"):
                total += int(suite.get("tests", 0))
                failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
                skipped += int(suite.get("skipped", 0))
        if total == 0:
            print(f"{runner} ran no test")
            failed = max(failed, 1)
        passed = max(total - failed - skipped, 0)
        print(
            f"{runner}: {passed} passed, {failed} failed"
            + (f", {skipped} skipped" if skipped else "")
        )
        good = good and failed == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
