"""What the rules need to know of C++ text: no compiler, only comments, strings and braces."""

import re
from typing import NamedTuple

# Comments, raw strings, strings and characters (a quote between digits is a separator).
TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\s\\]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'",
    re.DOTALL)
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def blank(match):
    """As many lines, nothing on them."""
    return re.sub(r"[^\n]", " ", match.group(0))


def without_comments_and_strings(text):
    return TOKENS.sub(blank, text)


class Function(NamedTuple):
    head: str
    line: int
    lines: int


def opens_function(head):
    """Whether the text before a brace at namespace or class level is a function's head."""
    head = re.sub(r"\btemplate\s*<[^{};]*?>(?=\s*[\w\[:])", " ", head)
    if "(" not in head or re.search(r"(?<![=!<>])=(?!=)[^()]*$", head):
        return False
    before_parameters = head.split("(", 1)[0]
    return not SCOPE.search(before_parameters)


def functions(text):
    """Every function that has a body, with how many lines it takes from head to closing brace."""
    code = PREPROCESSOR.sub(blank, without_comments_and_strings(text))
    found, stack, start = [], [], 0
    for at, char in enumerate(code):
        inside_function = any(is_function for _, is_function, _ in stack)
        if char == "{":
            head = code[start:at]
            first = start + len(head) - len(head.lstrip())
            is_function = not inside_function and opens_function(head)
            stack.append((first, is_function, " ".join(head.split())))
            start = at + 1
        elif char == "}":
            if stack:
                first, is_function, head = stack.pop()
                if is_function:
                    line = code.count("\n", 0, first) + 1
                    found.append(Function(head, line, code.count("\n", first, at) + 1))
            start = at + 1
        elif char == ";":
            start = at + 1
    return found
