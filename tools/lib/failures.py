"""Tells which tests of a run of ctest failed and the beginning and the end of what each said: a
run of everything ends with the tests of another part, thousands of lines after them.

    tools/lib/failures.py PART JUNIT_FILE      (of `ctest --output-junit JUNIT_FILE`)
"""

import re
import sys
import xml.etree.ElementTree

# The first line of a failure as GoogleTest, the sanitizers and Python tell it.
TROUBLE = re.compile(r": Failure$|ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: |"
                     r"^Traceback |^FAIL|^not ok|[Aa]ssertion")
BEGINNING, END = 16, 12


def excerpt(lines):
    """Of what a test said: the first trouble and what follows, and the end."""
    first = next((at for at, line in enumerate(lines) if TROUBLE.search(line)), len(lines))
    end = max(len(lines) - END, 0)
    if first + BEGINNING >= end:
        return lines[min(first, end):]
    return lines[first:first + BEGINNING] + ["..."] + lines[end:]


def failures(junit_file):
    """Name, reason and what was said, of each test that failed or could not run."""
    for case in xml.etree.ElementTree.parse(junit_file).getroot().iter("testcase"):
        told = case.find("failure")
        if told is None:
            told = case.find("skipped")
        reason = told.get("message", "") if told is not None else ""
        is_skipped = case.get("status") == "notrun" and reason.startswith(("SKIP", "Disabled"))
        if case.get("status") in ("fail", "notrun") and not is_skipped:
            yield case.get("name"), reason or "failed", case.findtext("system-out") or ""


def main():
    part, junit_file = sys.argv[1:]
    for name, reason, said in failures(junit_file):
        print(f"\n== FAILED under {part}: {name} ({reason})")
        for line in excerpt(said.splitlines()):
            print(f"   {line}")


if __name__ == "__main__":
    main()
