"""The rules that look at one file at a time. Each takes a House and gives back its findings."""

import ast
import posixpath
import re
import shutil
import subprocess

import cpp_text
from house import Finding

LINES_MAX = 500
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
CLANG_FORMAT_MAJOR = 14  # versions differ in what they call clean


class Skipped(Exception):
    """The rule can't be held on this machine; says why."""


def is_core(path):
    """The sans-I/O cores: functions of state, event and now."""
    return "/core/" in path and not path.startswith("tests/")


# What a core may not know: each is a door to time, chance, threads or the world outside.
CORE_HEADERS = {
    "atomic", "barrier", "condition_variable", "csignal", "cstdlib", "ctime", "execution",
    "filesystem", "fstream", "future", "iostream", "istream", "latch", "mutex", "ostream",
    "random", "semaphore", "shared_mutex", "stop_token", "syncstream", "thread",
}
CORE_WORDS = [
    (re.compile(r"::\s*now\s*\("), "reads a clock: a core is given `now`"),
    (re.compile(r"\b(s?rand|random|arc4random|getrandom)\s*\("), "draws from outside: use Prng"),
    (re.compile(r"\b(random_device|mt19937\w*)\b"), "draws from outside: use Prng"),
    (re.compile(r"\b(secure_)?getenv\s*\("), "reads the environment"),
    (re.compile(r"\b(std::)?(cout|cerr|clog|f?printf|f?puts|fopen|perror)\b"), "prints"),
    (re.compile(r"\blog::(debug|info|warning|error|write)\b"), "logs"),
    (re.compile(r"\b(thread_local|volatile)\b"), "keeps state outside its objects"),
]
UNORDERED = re.compile(r"\bunordered_(?:multi)?(?:map|set)\s*<")


def unordered_names(text):
    """Names declared as unordered containers in a text without comments."""
    names = set()
    for match in UNORDERED.finditer(text):
        depth, at = 1, match.end()
        while at < len(text) and depth:
            depth += {"<": 1, ">": -1}.get(text[at], 0)
            at += 1
        name = re.match(r"[\s&*]*(\w+)\s*(?:[;={(,)]|GUARDED)", text[at:])
        if name:
            names.add(name.group(1))
    return names


def loops_over(names):
    listed = "|".join(sorted(map(re.escape, names)))
    return re.compile(
        rf":\s*(?:this->|\w+[.]|\w+->)?(?:{listed})\s*\)|\b(?:{listed})[.]c?begin\s*\(")


def cores(house):
    findings = []
    paths = [p for p in house.cpp() if is_core(p)]
    bare = {p: cpp_text.without_comments_and_strings(house.text(p)) for p in paths}
    names = set().union(*(unordered_names(text) for text in bare.values()))
    words = list(CORE_WORDS)
    if names:
        words.append((loops_over(names), "goes through an unordered container"))
    for path in paths:
        for number, line in enumerate(bare[path].splitlines(), 1):
            header = re.match(r"\s*#\s*include\s*<([^>]+)>", line)
            if header and header.group(1) in CORE_HEADERS:
                findings.append(Finding(path, number, f"<{header.group(1)}> in a sans-I/O core"))
            for pattern, why in words:
                if pattern.search(line):
                    findings.append(Finding(path, number, f"a sans-I/O core {why}"))
    return findings


def size(house):
    findings = []
    for path in house.code():
        lines = house.lines(path)
        if len(lines) > LINES_MAX:
            findings.append(Finding(path, LINES_MAX + 1,
                                    f"{len(lines)} lines; a file has at most {LINES_MAX}"))
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX:
                findings.append(Finding(path, number,
                                        f"{len(line)} columns; a line has at most {COLUMNS_MAX}"))
    return findings


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield cpp_text.Function(node.name, node.lineno, node.end_lineno - node.lineno + 1)


def functions(house):
    findings = []
    for path in house.paths:
        if path.endswith((".cpp", ".hpp")):
            found = cpp_text.functions(house.text(path))
        elif path.endswith(".py"):
            found = python_functions(house.text(path))
        else:
            continue
        for function in found:
            if function.lines >= FUNCTION_LINES_MAX:
                findings.append(Finding(
                    path, function.line,
                    f"{function.head[:60]}: {function.lines} lines; a function has fewer than "
                    f"{FUNCTION_LINES_MAX}"))
    return findings


# A pattern, why it may not be there, and the folders that it is for ("" is all).
WORDS = [
    (re.compile(r"\b(TOD[O]|FIXM[E]|XX[X])\b"), "left for later", ""),
    (re.compile(r"(?<![\w.$}-])/(work|home|root)/"), "a path of one machine", ""),
    (re.compile(r"registry[.]npmjs|npmjs[.](org|com)|deb[.]debian|pypi[.]org"
                r"|pythonhosted[.]|crates[.]io|proxy[.]golang"),
     "the address of a package registry", ""),
    (re.compile(r"\b[Ii]ssue #?\d"), "a number that only a tracker knows", ""),
    (re.compile(r"\b(sleep_(for|until)|usleep|nanosleep)\s*\(|\btime[.]sleep\b"
                r"|\basyncio[.]sleep\b|(?<![\w.'-])sleep[ (]\d"),
     "sleeps: a test waits for a condition, with a deadline", "tests/"),
    (re.compile(r"(127[.]0[.]0[.]1|localhost|\*):(?!0\b)\d{2,5}\b"),
     "a fixed port: bind port 0 and ask which one it became", "tests/integration/"),
]


def words(house):
    findings = []
    for path in house.written():
        patterns = [w for w in WORDS if path.startswith(w[2])]
        for number, line in enumerate(house.lines(path), 1):
            for pattern, why, _ in patterns:
                match = pattern.search(line)
                if match:
                    findings.append(Finding(path, number, f"'{match.group(0)}': {why}"))
    for path in (p for p in house.paths if p.endswith("package-lock.json")):
        for number, line in enumerate(house.lines(path), 1):
            if '"resolved"' in line:
                findings.append(Finding(path, number, "records where a package was fetched"))
    return findings


def format_(house):
    tool = shutil.which(f"clang-format-{CLANG_FORMAT_MAJOR}") or shutil.which("clang-format")
    if tool is None:
        raise Skipped("clang-format is not installed")
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    if f"version {CLANG_FORMAT_MAJOR}." not in version:
        raise Skipped(f"{version.strip()}: the sources are formatted with {CLANG_FORMAT_MAJOR}")
    if not house.cpp():
        return []
    run = subprocess.run([tool, "--dry-run", "-Werror", *house.cpp()], cwd=house.root,
                         capture_output=True, text=True, check=False)
    first_lines = {}
    for path, line in re.findall(r"^(\S+?):(\d+):\d+: error", run.stderr, re.MULTILINE):
        first_lines.setdefault(path, int(line))
    findings = [Finding(path, line, "from here on not as clang-format writes it")
                for path, line in first_lines.items()]
    if run.returncode and not findings:
        findings.append(Finding(".clang-format", 1, run.stderr.strip() or "clang-format failed"))
    return findings


def scripts(house):
    findings = []
    for path in house.scripts():
        run = subprocess.run(["bash", "-n", str(house.root / path)], capture_output=True, text=True,
                             check=False)
        if run.returncode:
            findings.append(Finding(path, 1, run.stderr.strip()))
        if not (house.root / path).stat().st_mode & 0o100 and not path.endswith(".sh"):
            findings.append(Finding(path, 1, "a script that can't be run: chmod +x"))
    return findings


LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
NAMED_FILE = re.compile(r"`([\w./-]+[.](?:cpp|hpp|py|mjs|toml|md|txt))`")


def pages(house):
    """Pages name only files that exist: by a link from the page's folder, or by a path from the
    root, or by a name that is unique enough to be found."""
    findings = []
    for page in (p for p in house.paths if p.endswith(".md")):
        folder = page.rpartition("/")[0]
        for number, line in enumerate(house.lines(page), 1):
            named = [posixpath.normpath(posixpath.join(folder, link)) for link in LINK.findall(line)
                     if "://" not in link]
            missing = [n for n in named if not (house.root / n).exists()]
            missing += [n for n in NAMED_FILE.findall(line)
                        if not any(p == n or p.endswith("/" + n) for p in house.paths)]
            findings += [Finding(page, number, f"there is no {n}") for n in missing]
    return findings
