"""What `cmake --install` puts in place is all that a program outside the tree needs."""

import os
import pathlib
import shutil
import subprocess
import unittest

from muster_processes import BIN, ROOT, Cluster, folder

BUILD = BIN.parent
PROGRAM = ROOT / "tests/install/program"
PROGRAMS = ("muster", "muster-agent", "muster-broker")
LONG = 120


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True,
                          timeout=LONG, check=False, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.prefix = cls.enterClassContext(folder()) / "muster"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)

    def found(self, name):
        paths = list(self.prefix.rglob(name))
        self.assertEqual(1, len(paths), f"{name}: {paths}")
        return paths[0]

    def asks(self, program):
        with Cluster() as cluster:
            cluster.agent("a", "--demo")
            answer = run(program, cluster.broker.frontend, "echo", "installed and asked")
        self.assertIn("installed", answer)
        self.assertIn("data: [DONE]", answer)

    def test_the_programs_run_from_there(self):
        for program in PROGRAMS:
            self.assertIn("0.", run(self.prefix / "bin" / program, "--version"))

    def test_configurations_are_there_and_right(self):
        for program, file in (("muster-broker", "broker.toml"), ("muster-agent", "agent.toml"),
                              ("muster", "muster.toml")):
            run(self.prefix / "bin" / program, "--config", self.found(file), "--check-config")

    @unittest.skipUnless(shutil.which("help2man"), "no help2man here: there are no manual pages")
    def test_manual_pages_say_what_help_says(self):
        for program in PROGRAMS:
            page = self.found(f"{program}.1").read_text(encoding="utf-8")
            self.assertIn(".SH SYNOPSIS", page)
            self.assertIn(".SH EXAMPLES", page)

    def test_no_header_but_the_clients(self):
        headers = [path.name for path in (self.prefix / "include").rglob("*.hpp")]
        self.assertEqual(["client.hpp"], headers)

    def test_a_program_finds_it_by_cmake(self):
        with folder() as build:
            run("cmake", "-S", PROGRAM, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
                f"-DCMAKE_CXX_FLAGS={self.sanitizers()}")
            run("cmake", "--build", build)
            self.asks(build / "asking")

    def test_a_program_finds_it_by_pkg_config(self):
        path = {**os.environ, "PKG_CONFIG_PATH": str(self.found("muster.pc").parent)}
        with folder() as build:
            flags = run("pkg-config", "--cflags", "--libs", "muster", env=path).split()
            run("c++", *self.sanitizers().split(), PROGRAM / "asking.cpp", *flags,
                "-o", build / "asking")
            self.asks(build / "asking")

    @staticmethod
    def sanitizers():
        """What the installed library was built with, where that was instrumented."""
        for line in (BUILD / "CMakeCache.txt").read_text(encoding="utf-8").splitlines():
            if line.startswith("MUSTER_SANITIZE:"):
                value = line.split("=", 1)[1]
                return f"-fsanitize={value}" if value else ""
        return ""


if __name__ == "__main__":
    unittest.main()
