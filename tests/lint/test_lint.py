"""Each rule fires on a bad sample, and only on it: the samples are small trees of their own."""

import pathlib
import tempfile
import unittest

import cpp_text
import include_table
import rules
import testing_page
from house import House

PAGE = """# Architecture
## Who may include whom
| files | of the house | outside |
|---|---|---|
| `protocol/payload.hpp` | `protocol/*.hpp` | cppzmq |
| `protocol/*` | `protocol/*.hpp` | |
| `broker/core/*` | `protocol/*.hpp`, `broker/core/*.hpp` | |
| `broker/*` | `protocol/*.hpp`, `broker/**.hpp` | POSIX |
## Another section
| `nothing` | `of` | this |
"""

GOOD = {
    include_table.PAGE: PAGE,
    "protocol/payload.hpp": "#pragma once\n#include <zmq.hpp>\n",
    "protocol/time.hpp": "#pragma once\n#include <chrono>\n",
    "broker/core/controller.cpp": '#include "broker/core/controller.hpp"\n\n#include <vector>\n',
    "broker/core/controller.hpp": '#pragma once\n#include "protocol/time.hpp"\n',
    "broker/main.cpp": '#include <unistd.h>\n\n#include "broker/core/controller.hpp"\n',
}


class LintTest(unittest.TestCase):
    def findings(self, rule, **changed):
        """What `rule` says of the good tree with these files added or changed."""
        with tempfile.TemporaryDirectory() as folder:
            for path, text in {**GOOD, **changed.pop("files", {})}.items():
                file = pathlib.Path(folder) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
                if text.startswith("#!"):
                    file.chmod(changed.get("mode", 0o755))
            return [str(f) for f in rule(House(folder))]

    def fires(self, rule, path, text, expected, line=1, **more):
        found = self.findings(rule, files={path: text}, **more)
        self.assertEqual(1, len(found), found)
        self.assertIn(expected, found[0])
        self.assertTrue(found[0].startswith(f"{path}:{line}: "), found[0])

    def passes(self, rule, path, text):
        self.assertEqual([], self.findings(rule, files={path: text}))


class Includes(LintTest):
    def test_the_good_tree_is_clean(self):
        self.assertEqual([], self.findings(include_table.check))

    def test_a_room_that_is_not_listed(self):
        self.fires(include_table.check, "protocol/codec.cpp",
                   '\n#include "broker/core/controller.hpp"\n', "may not include", line=2)

    def test_a_library_that_is_not_listed(self):
        self.fires(include_table.check, "protocol/codec.cpp", "#include <zmq.hpp>\n", "cppzmq")
        self.fires(include_table.check, "broker/core/clock.cpp", "#include <sys/time.h>\n", "POSIX")

    def test_a_folder_below_a_listed_one(self):
        found = self.findings(include_table.check, files={
            "protocol/transport/socket.hpp": "#pragma once\n",
            "broker/core/bad.cpp": '#include "protocol/transport/socket.hpp"\n'})
        self.assertEqual(2, len(found), found)
        self.assertIn("may not include", found[0])
        self.assertIn("no row", found[1])

    def test_a_library_that_nobody_knows(self):
        self.fires(include_table.check, "protocol/codec.cpp", "#include <fmt/core.h>\n",
                   "no library that the table knows")

    def test_an_include_not_written_from_the_root(self):
        self.fires(include_table.check, "protocol/codec.cpp", '#include "time.hpp"\n',
                   "no file of the house")

    def test_a_file_that_no_row_is_for(self):
        self.fires(include_table.check, "gateway/main.cpp", "\n", "no row")

    def test_a_row_that_is_for_no_file(self):
        page = PAGE.replace("## Another", "| `old/*` | `protocol/*` | |\n## Another")
        self.fires(include_table.check, include_table.PAGE, page, "no file that exists", line=9)

    def test_a_row_with_an_unknown_library(self):
        page = PAGE.replace("| POSIX |", "| POSIX, Qt |")
        self.fires(include_table.check, include_table.PAGE, page, "'Qt'", line=8)

    def test_a_page_without_the_table(self):
        found = self.findings(include_table.check, files={include_table.PAGE: "# Empty\n"})
        self.assertIn("no table", found[0])


class Cores(LintTest):
    CORE = "broker/core/bad.cpp"

    def test_headers_that_lead_outside(self):
        for header in ("thread", "mutex", "iostream", "fstream", "cstdlib", "random"):
            self.fires(rules.cores, self.CORE, f"#include <{header}>\n", f"<{header}>")

    def test_words_that_lead_outside(self):
        for line, why in (
                ("auto t = std::chrono::steady_clock::now();", "clock"),
                ("int r = rand();", "draws"),
                ("std::mt19937_64 generator;", "draws"),
                ('auto home = getenv("HOME");', "environment"),
                ('std::cerr << "x";', "prints"),
                ('log::info("x");', "logs")):
            self.fires(rules.cores, self.CORE, line + "\n", why)

    def test_going_through_an_unordered_container(self):
        declared = "std::unordered_map<Id, std::vector<int>> workers_;\n"
        for loop in ("for (auto& [id, w] : workers_) f(w);", "auto it = workers_.begin();"):
            self.fires(rules.cores, self.CORE, declared + loop + "\n", "unordered", line=2)
        self.passes(rules.cores, self.CORE, declared + "auto it = workers_.find(id);\n")

    def test_comments_strings_and_shells_are_free(self):
        self.passes(rules.cores, self.CORE, '// never rand() or ::now()\nauto s = "getenv(x)";\n')
        self.passes(rules.cores, "broker/shell/shell.cpp", "auto t = clock::now();\n")


class Sizes(LintTest):
    def test_a_long_file(self):
        self.fires(rules.size, "broker/long.cpp", "\n" * 501, "501 lines", line=501)
        self.passes(rules.size, "broker/long.cpp", "\n" * 500)

    def test_a_long_line(self):
        self.fires(rules.size, "broker/wide.py", "#" * 101, "101 columns")
        self.passes(rules.size, "broker/wide.py", "#" * 100)

    def test_a_long_function(self):
        body = "  f();\n" * 68
        self.fires(rules.functions, "broker/a.cpp", f"\nvoid f() {{\n{body}}}\n", "70 lines",
                   line=2)
        self.passes(rules.functions, "broker/a.cpp", f"void f() {{\n{body[7:]}}}\n")

    def test_a_long_method_after_braces_of_other_kinds(self):
        text = ("namespace a {\nstruct S : T<int> {\n  int n{1};\n  M m = {{1, 2}};\n"
                "  S(int x) : n{x} {}\n  template <class U>\n  void f(U u) const {\n"
                + "    if (u) { g('{'); }\n" * 70 + "  }\n};\n}\n")
        self.fires(rules.functions, "broker/a.cpp", text, "void f(U u) const: 73 lines", line=6)

    def test_a_long_namespace_or_table_is_no_function(self):
        lines = "constexpr int x = 1;\n" * 80
        self.passes(rules.functions, "broker/a.cpp", "namespace {\n" + lines + "}\n")
        self.passes(rules.functions, "broker/a.cpp",
                    "const std::array<P, 80> table = {{\n" + "  {f(1), 2},\n" * 80 + "}};\n")

    def test_a_long_python_function(self):
        self.fires(rules.functions, "tests/a.py", "def f():\n" + "    g()\n" * 70, "71 lines")

    def test_a_quote_between_digits_opens_no_string(self):
        text = "int a = 1'000'000; void f() { g(); }"
        self.assertIn("void f()", cpp_text.without_comments_and_strings(text))


class Words(LintTest):
    def test_each_word(self):
        for path, line, why in (
                ("broker/a.cpp", "// TO" + "DO: later", "left for later"),
                ("docs/a.md", "cd /ho" + "me/me/muster", "one machine"),
                ("docs/a.md", "see iss" + "ue 12", "tracker"),
                ("tests/a.npmrc", "registry=https://registry." + "npmjs" + ".org", "registry"),
                ("tests/unit/a.cpp", "std::this_thread::sleep" + "_for(1s);", "sleeps"),
                ("tests/integration/a.py", "time." + "sle" + "ep(1)", "sleeps"),
                ("tests/run.sh", "sle" + "ep 1", "sleeps"),
                ("tests/integration/a.py", 'x = "tcp://127.0.0.1:' + '5555"', "fixed port")):
            self.fires(rules.words, path, "\n" + line + "\n", why, line=2)

    def test_what_only_looks_like_them(self):
        self.passes(rules.words, "tests/integration/a.py", 'x = "tcp://127.0.0.1:0"  # asleep 1\n')
        self.passes(rules.words, "README.md", "$ROOT/work/x and http://h/home/\n")
        self.passes(rules.words, "broker/shell/a.cpp", "std::this_thread::sleep" + "_for(1s);\n")

    def test_a_lock_file_that_says_where_packages_came_from(self):
        self.fires(rules.words, "tests/package-lock.json", '{\n"resolved": "x"}\n', "fetched", 2)


class FormatsAndScripts(LintTest):
    def test_unformatted_code(self):
        try:
            self.fires(rules.format_, "broker/a.cpp", "int  a ;\n", "clang-format")
        except rules.Skipped as why:
            self.skipTest(str(why))

    def test_a_script_that_bash_cannot_read(self):
        self.fires(rules.scripts, "tools/up", "#!/usr/bin/env bash\nif true\n", "syntax error")

    def test_a_script_that_cannot_be_run(self):
        self.fires(rules.scripts, "tools/up", "#!/usr/bin/env bash\ntrue\n", "chmod", mode=0o644)


class Pages(LintTest):
    def test_a_file_that_is_not_there(self):
        self.fires(rules.pages, "README.md", "\nsee [this](docs/none.md)\n", "docs/none.md", line=2)
        self.fires(rules.pages, "docs/a.md", "`protocol/none.hpp` does it\n", "protocol/none.hpp")
        self.fires(rules.pages, "docs/a.md", "`none.cpp` does it\n", "none.cpp")

    def test_files_that_are(self):
        self.passes(rules.pages, "docs/a.md",
                    "[x](architecture.md) [y](../protocol/time.hpp) [z](https://a.b/c) "
                    "`protocol/time.hpp` `payload.hpp` `broker/core/*`\n")


class TestingPage(LintTest):
    PAGE = ("# Testing\n## Which rule is shown where\n"
            "| rule | dialogue | unit tests |\n|---|---|---|\n"
            "| `timeout` | `late.txt` | `Timeout.Runs` |\n")
    FILES = {"tests/scenario/late.txt": "# Late\n", "tests/scenario/CMakeLists.txt": "# none\n",
             "tests/unit/a.cpp": "TEST_F(Timeout, Runs) {}\n", testing_page.PAGE: PAGE}

    def found(self, **changed):
        return self.findings(testing_page.check, files={**self.FILES, **changed.pop("files", {})})

    def test_a_page_that_names_all(self):
        self.assertEqual([], self.found())

    def test_a_dialogue_that_shows_no_rule(self):
        found = self.found(files={"tests/scenario/lost.txt": "# Lost\n"})
        self.assertEqual(1, len(found), found)
        self.assertTrue(found[0].startswith("tests/scenario/lost.txt:1: no rule"), found)

    def test_a_unit_test_that_is_not_there(self):
        found = self.found(files={"tests/unit/a.cpp": "TEST(Timeout, Stops) {}\n"})
        self.assertEqual(["docs/testing.md:5: there is no unit test Timeout.Runs"], found)

    def test_a_rule_without_a_test(self):
        for row in ("| silence | | `Timeout.Runs` |", "| silence | `late.txt` | |"):
            found = self.found(files={testing_page.PAGE: self.PAGE + row + "\n"})
            self.assertEqual(["docs/testing.md:6: a rule has a dialogue and a unit test"], found)


if __name__ == "__main__":
    unittest.main()
