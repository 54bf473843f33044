"""Holds the include table of docs/architecture.md: what is not listed there is forbidden.

The page is the one place where the table stands; this file only reads it. A row says which files
it is for, what of the house they may include, and which outside libraries. The first row that
fits a file is the one that counts, so single files come before their folders.
"""

import re
from typing import NamedTuple

from house import Finding

PAGE = "docs/architecture.md"
SECTION = "## Who may include whom"
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')

# The outside libraries by the names that the table calls them, and their headers.
LIBRARIES = {
    "cppzmq": ("zmq.hpp", "zmq_addon.hpp"),
    "libzmq": ("zmq.h",),
    "msgpack": ("msgpack.hpp", "msgpack/**", "msgpack.h"),
    "toml++": ("toml++/**",),
    "Boost.Container": ("boost/container/**",),
    "Boost.Endian": ("boost/endian/**",),
    "Boost.Intrusive": ("boost/intrusive/**",),
    "Boost.Log": ("boost/**",),
    "CLI11": ("CLI/**",),
    "libcurl": ("curl/**",),
    "libnats": ("nats/**",),
    "mimalloc": ("mimalloc.h",),
    "nlohmann-json": ("nlohmann/**",),
    "Google Benchmark": ("benchmark/**",),
    "GoogleTest": ("gtest/**", "gmock/**"),
    "libdl": ("dlfcn.h",),
    "POSIX": ("unistd.h", "fcntl.h", "poll.h", "signal.h", "termios.h", "netdb.h", "sys/*",
              "arpa/*", "netinet/*", "net/*", "pthread.h", "time.h", "malloc.h"),
}


class Row(NamedTuple):
    files: list
    rooms: list
    libraries: list
    line: int


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def read_table(house):
    """The rows of the page's table, and what is wrong with it."""
    rows, faults, inside = [], [], False
    for number, line in enumerate(house.lines(PAGE) if PAGE in house.paths else [], 1):
        if line.startswith("## "):
            inside = line.startswith(SECTION)
        if not inside or not line.startswith("| `"):
            continue
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) != 3:
            faults.append(Finding(PAGE, number, f"a row has 3 cells, this one {len(cells)}"))
            continue
        libraries = [name.strip() for name in cells[2].split(",") if name.strip()]
        for name in libraries:
            if name not in LIBRARIES:
                faults.append(Finding(PAGE, number, f"'{name}' is no library that lint knows"))
        rows.append(Row(quoted(cells[0]), quoted(cells[1]), libraries, number))
    if not rows:
        faults.append(Finding(PAGE, 1, f"no table under '{SECTION}'"))
    return rows, faults


def fits(path, patterns):
    """`*` stands for anything within one folder, `**` for anything at all."""
    for pattern in patterns:
        parts = re.split(r"(\*\*|\*)", pattern)
        known = {"**": ".*", "*": "[^/]*"}
        if re.fullmatch("".join(known.get(part) or re.escape(part) for part in parts), path):
            return True
    return False


def library_of(header):
    """The library that a header in angle brackets belongs to; '' for the standard's own."""
    for name, headers in LIBRARIES.items():
        if fits(header, headers):
            return name
    return "" if re.fullmatch(r"[a-z0-9_]+", header) else None


def in_house(house, path, include):
    """The file of the house that an include names; tests may name what is beside them."""
    beside = f"{path.rsplit('/', 1)[0]}/{include}" if path.startswith("tests/") else include
    for candidate in (include, f"client/include/{include}", beside):
        if candidate in house.paths:
            return candidate
    return None


def judge(house, row, path, quoted_name, angled_name):
    """One sentence where this include is not allowed, else nothing."""
    name = quoted_name or angled_name
    target = in_house(house, path, name)
    if target is not None:
        if fits(target, row.rooms):
            return None
        return f'may not include "{name}" ({PAGE}:{row.line})'
    if quoted_name:
        return f'"{name}" is no file of the house, written from its root'
    library = library_of(name)
    if library == "" or library in row.libraries:
        return None
    if library is None:
        return f"<{name}> belongs to no library that the table knows"
    return f"may not include <{name}> of {library} ({PAGE}:{row.line})"


def check(house):
    rows, findings = read_table(house)
    used = set()
    for path in house.cpp():
        row = next((r for r in rows if fits(path, r.files)), None)
        if row is None:
            findings.append(Finding(path, 1, f"no row of the table in {PAGE} is for this file"))
            continue
        used.add(row.line)
        for number, line in enumerate(house.lines(path), 1):
            match = INCLUDE.match(line)
            if match:
                what = judge(house, row, path, match.group(1), match.group(2))
                if what:
                    findings.append(Finding(path, number, what))
    for row in rows:
        if row.line not in used:
            findings.append(Finding(PAGE, row.line, "this row is for no file that exists"))
    return findings
