"""The files of the house, and what a finding looks like."""

import os
import pathlib
import subprocess
from typing import NamedTuple

# Folders that hold what is built or installed, never what is written.
NOT_OURS = {".git", "build", "node_modules", "__pycache__"}


class Finding(NamedTuple):
    path: str
    line: int
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"


class House:
    """A source tree: paths relative to its root, with forward slashes, in order."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.paths = sorted(self._listed() or self._walked())

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def lines(self, path):
        return self.text(path).splitlines()

    def cpp(self):
        return [p for p in self.paths if p.endswith((".cpp", ".hpp"))]

    def scripts(self):
        """Shell scripts, by their first line: they carry no ending."""
        found = []
        for path in self.paths:
            if path.endswith(".sh") or (
                "." not in os.path.basename(path)
                and self.text(path)[:40].startswith(("#!/usr/bin/env bash", "#!/bin/bash"))
            ):
                found.append(path)
        return found

    def code(self):
        """Everything that is read as code: what the rules on size are for."""
        endings = (".cpp", ".hpp", ".py", ".mjs", ".js", ".cmake", "CMakeLists.txt")
        return sorted(set(p for p in self.paths if p.endswith(endings)) | set(self.scripts()))

    def written(self):
        """Every text that somebody wrote: all but what tools keep for themselves."""
        kept_by_tools = ("package-lock.json",)
        binary = (".png", ".gguf", ".bin")
        return [p for p in self.paths if not p.endswith(kept_by_tools + binary)]

    def _listed(self):
        """What git tracks or would track; nothing where this is no git work tree of its own."""
        if not (self.root / ".git").exists():
            return []
        listing = subprocess.run(
            ["git", "-C", str(self.root), "ls-files", "-z", "-co", "--exclude-standard"],
            capture_output=True, check=False)
        paths = [p for p in listing.stdout.decode().split("\0") if p]
        return [p for p in paths if (self.root / p).is_file()]

    def _walked(self):
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [f for f in folders if f not in NOT_OURS]
            for name in files:
                found.append((pathlib.Path(folder) / name).relative_to(self.root).as_posix())
        return found
