"""What a request costs a broker's core, in instructions: two runs of one fixed dialogue under
callgrind, of which one has so many requests more. It does not depend on the machine's speed or on
what else runs there, so a bound on it can fail a test that a time never could.

    instructions.py PROGRAM
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

FEW, MANY = 1000, 3000
# What a request may cost, in the `dev` build (-O1, with assertions), by CHUNKs before its FINAL.
# Measured, and a tenth more; where a change makes it cheaper, lower it.
BOUNDS = {0: 7_650, 16: 35_300}


def instructions(program, requests, chunks):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        ended = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, str(requests),
             str(chunks)], capture_output=True, text=True)
        if ended.returncode != 0:
            sys.exit(f"{program} failed under callgrind: {ended.stderr}")
        return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)[1])


def main():
    program = sys.argv[1]
    dear = False
    for chunks, bound in BOUNDS.items():
        more = instructions(program, MANY, chunks) - instructions(program, FEW, chunks)
        each = more / (MANY - FEW)
        print(f"a request with {chunks} CHUNKs: {each:.0f} instructions, at most {bound} allowed")
        dear = dear or each > bound
    sys.exit(1 if dear else 0)


if __name__ == "__main__":
    main()
