"""Holds the tables of docs/testing.md, which rule of the protocol is shown where, to the tests.

A dialogue that the page does not name, a unit test that it names and that does not exist, and a
rule without a dialogue or without a unit test are findings. That the dialogues it names exist is
checked by `pages`, as of every page.
"""

import re

from house import Finding

PAGE = "docs/testing.md"
SECTION = "## Which rule is shown where"
DIALOGUE = re.compile(r"tests/scenario/(?!CMakeLists)([\w.-]+[.]txt)")
UNIT_TEST = re.compile(r"^\s*TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)


def rules_of(house):
    """The rows of the tables: line, and what stands in quotes in the cells."""
    inside = False
    for number, line in enumerate(house.lines(PAGE), 1):
        if line.startswith("## "):
            inside = line.startswith(SECTION)
        if not inside or not line.startswith("| ") or line.startswith("| rule |"):
            continue
        cells = line.strip().strip("|").split("|")
        yield number, [re.findall(r"`([^`]+)`", cell) for cell in cells]


def check(house):
    if PAGE not in house.paths:
        return [Finding(PAGE, 1, "there is no such page")]
    tests = {f"{suite}.{name}" for path in house.cpp() if path.startswith("tests/unit/")
             for suite, name in UNIT_TEST.findall(house.text(path))}
    findings, named = [], set()
    for line, cells in rules_of(house):
        if len(cells) != 3 or not cells[1] or not cells[2]:
            findings.append(Finding(PAGE, line, "a rule has a dialogue and a unit test"))
            continue
        named.update(cells[1])
        findings += [Finding(PAGE, line, f"there is no unit test {test}")
                     for test in cells[2] if test not in tests]
    for path in house.paths:
        match = DIALOGUE.fullmatch(path)
        if match and match.group(1) not in named:
            findings.append(Finding(path, 1, f"no rule in {PAGE} is shown by this dialogue"))
    return findings
