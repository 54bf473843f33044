"""Every shell block of the README runs, in order, as one shell in a fresh folder.

Blocks marked `sh` are run. Blocks marked `console` are transcripts: what a person types after `$`
and what comes back; they are not run, save that what they type must begin with a command that is
there. The programs find their broker through the environment, so that no port is fixed; tools/up
runs with the programs that are built, and tools/test, which runs this test, only tells its suites.
"""

import os
import re
import subprocess
import unittest

from muster_processes import BIN, ROOT, die_with_the_test, folder

README = ROOT / "README.md"
SECONDS = 120

UP = f"""#!/usr/bin/env bash
exec {ROOT}/tools/up --bin {BIN} --port 0 "$@"
"""
TEST = f"""#!/usr/bin/env bash
for suite in "$@"; do
  {ROOT}/tools/test --help | grep -Eq "^  $suite " || exit 1
done
"""


def blocks(language):
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class Readme(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(folder())
        tools = self.folder / "tools"
        tools.mkdir()
        for name, text in (("up", UP), ("test", TEST)):
            (tools / name).write_text(text, encoding="utf-8")
            (tools / name).chmod(0o755)
        # Where a transcript's commands stand after tools/up.
        (self.folder / "build/release").mkdir(parents=True)
        (self.folder / "build/release/bin").symlink_to(BIN)
        self.environment = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "MUSTER_BROKER__FRONTEND": f"ipc://{self.folder}/frontend",
            "MUSTER_BROKER__BACKEND": f"ipc://{self.folder}/backend",
            "MUSTER_WORKER__BROKERS": f"ipc://{self.folder}/backend",
            "MUSTER_BROKER": f"ipc://{self.folder}/frontend",
        }

    def bash(self, script):
        with subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, text=True,
                env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, preexec_fn=die_with_the_test) as shell:
            output, _ = shell.communicate(timeout=SECONDS)
        print(output)
        return shell.returncode, output

    def test_every_block_runs(self):
        shell_blocks = blocks("sh")
        self.assertGreater(len(shell_blocks), 2)
        script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "\n".join(
            f"echo '--- block {number}'\n{block}" for number, block in enumerate(shell_blocks, 1))
        code, output = self.bash(script)
        self.assertEqual(0, code, output)
        self.assertIn(f"--- block {len(shell_blocks)}", output)
        # What the first transcript shows of a question and its answer is what came.
        asked = re.search(r'muster ask "(.+)"\n(.+)\n', blocks("console")[0])
        self.assertIn(f'muster ask "{asked[1]}"\n{asked[2]}\n',
                      re.sub(" --broker [^ ]+", "", output))

    def test_the_first_blocks_are_the_two_commands(self):
        self.assertIn("tools/up", blocks("sh")[0])
        self.assertTrue(any("tools/test" in block for block in blocks("sh")))

    def test_a_block_that_fails_is_noticed(self):
        code, _ = self.bash("echo one\nmuster ask --no-such-flag\necho two")
        self.assertNotEqual(0, code)

    def test_transcripts_type_commands_that_are_there(self):
        for block in blocks("console"):
            for typed in re.findall(r"^\$ (\S+)", block, re.MULTILINE):
                code, output = self.bash(f"command -v {typed}")
                self.assertEqual(0, code, output)

    def test_no_other_blocks(self):
        marks = re.findall(r"^```(\w*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
        self.assertEqual(set(), set(marks) - {"", "sh", "console", "toml", "text"})


if __name__ == "__main__":
    unittest.main()
