#!/usr/bin/env python3
"""Checks one rule of the house, or all: lint.py [--root DIR] [RULE ...]

Prints one line a finding, FILE:LINE: WHAT, and exits 1 where there is one; 77 where the rule
can't be checked on this machine.
"""

import argparse
import pathlib
import sys

import include_table
import rules
import testing_page
from house import House

RULES = {
    "includes": include_table.check,
    "cores": rules.cores,
    "size": rules.size,
    "functions": rules.functions,
    "words": rules.words,
    "format": rules.format_,
    "scripts": rules.scripts,
    "pages": rules.pages,
    "testing": testing_page.check,
}
SKIPPED = 77


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("rule", nargs="*", choices=[[], *RULES], help="default: every rule")
    arguments = parser.parse_args()
    house = House(arguments.root)
    found, skipped = 0, 0
    for name in arguments.rule or RULES:
        try:
            findings = RULES[name](house)
        except rules.Skipped as why:
            print(f"{name}: skipped: {why}")
            skipped += 1
            continue
        for finding in findings:
            print(finding)
        found += len(findings)
        print(f"{name}: {len(findings)} findings in {len(house.paths)} files")
    if found:
        return 1
    return SKIPPED if skipped and skipped == len(arguments.rule) else 0


if __name__ == "__main__":
    sys.exit(main())
