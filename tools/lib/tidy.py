"""Runs clang-tidy over the sources of the programs, as a build tree compiles them, and remembers
what was without a finding: that is not looked at again until something that it reads has changed.

    tools/lib/tidy.py BUILD_TREE JOBS

The tree is one of the sanitizer presets', built: there all sources of a target are compiled as one,
so that what they include is read once; the times of the build tell which files that is.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("protocol", "config", "broker", "worker_agent", "client", "tools")
REMEMBERED = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"),
                          "muster-tidy")


def compilations(tree):
    """Of the tree's compilations those of our rooms."""
    for entry in json.loads((tree / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["file"])
        base = tree if file.is_relative_to(tree) else ROOT
        if file.relative_to(base).parts[0] in ROOMS:
            yield {**entry, "file": file}


def dependencies(tree):
    """By object file, what its compilation has read."""
    said = subprocess.run(["ninja", "-C", tree, "-t", "deps"], capture_output=True, text=True,
                          check=True).stdout
    read = {}
    for block in said.split("\n\n"):
        first, *files = block.strip().splitlines()[0:] or [""]
        read[first.partition(":")[0]] = [tree / file.strip() for file in files]
    return read


def key_of(entry, tree, read, common):
    """What a finding can depend on; nothing where that is not known."""
    object_file = entry.get("output") or output_of(entry["command"])
    files = read.get(object_file)
    if not files:
        return None
    digest = hashlib.sha256(common)
    digest.update(entry["command"].replace(str(ROOT), ".").encode())
    for file in files:
        if file.resolve().is_relative_to(ROOT) or not file.is_absolute():
            digest.update(os.path.relpath(file.resolve(), ROOT).encode())
            digest.update(file.read_bytes().replace(str(ROOT).encode(), b"."))
        else:
            digest.update(f"{file} {file.stat().st_size}".encode())
    return digest.hexdigest()


def output_of(command):
    words = command.split()
    return words[words.index("-o") + 1]


def look_at(entry, tree):
    return subprocess.run(["clang-tidy", "-p", tree, "--quiet", entry["file"]],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def main(tree, jobs):
    tree = pathlib.Path(tree).resolve()
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    common = version + (ROOT / ".clang-tidy").read_bytes()
    read = dependencies(tree)
    keys = [(entry, key_of(entry, tree, read, common)) for entry in compilations(tree)]
    if not keys:
        sys.exit(f"{tree} compiles nothing of ours")
    REMEMBERED.mkdir(parents=True, exist_ok=True)
    anew = [(entry, key) for entry, key in keys if not (key and (REMEMBERED / key).exists())]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        looks = {pool.submit(look_at, entry, tree): key for entry, key in anew}
        for look in concurrent.futures.as_completed(looks):
            if look.result().returncode == 0:
                if looks[look]:
                    (REMEMBERED / looks[look]).touch()
            else:
                failed += 1
                print(look.result().stdout, flush=True)
    print(f"{len(keys)} compilations, {len(anew)} of them looked at anew, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
