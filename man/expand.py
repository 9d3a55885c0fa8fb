#!/usr/bin/env python3
"""The pages of liblifecycle: what a header says of its functions and types is taken from there, so it is written once.

    expand.py page PAGE.scd HEADER EXAMPLES SCDOC    the page, its @LINES@ filled in, through scdoc
    expand.py functions HEADER                       its functions, one a line
"""
import pathlib
import re
import subprocess
import sys
import textwrap

WIDTH = 68 # of what is set as code: the rest of 80 columns is its indent


class Header:
    """Functions in groups as the header has them, each with the comment above it; types with theirs."""

    def __init__(self, path):
        self.groups, self.types, self.defines, self.subject = [], [], [], ""
        self.lines = iter(pathlib.Path(path).read_text().splitlines())
        self.comment, self.group = "", []
        for line in self.lines:
            self.take(line)
        self.end_group()

    def take(self, line):
        if not line.strip():
            self.end_group()
        elif line.startswith("/*"):
            self.take_comment(line)
        elif line.startswith("#define LIFECYCLE_") and not line.endswith("_H"):
            self.take_define(line)
        elif re.match(r"#|extern \"C\"|\}$", line):
            return
        else:
            self.take_declaration(line)

    def take_comment(self, line):
        self.end_group()
        while "*/" not in line:
            line += "\n" + next(self.lines)
        text = re.sub(r"\n \*(?= |$)", "\n", line[2:line.rindex("*/")], flags=re.M)
        text = " ".join(text.split())
        if "SPDX" in text:
            return
        if text.endswith("Part of lifecycle.h: include that."):
            self.subject = text[:-len("Part of lifecycle.h: include that.")].strip()
            return
        self.comment = text

    def take_define(self, line):
        if line.endswith("\\"):
            raise SystemExit(f"a #define of more than a line: {line}")
        self.defines.append(line)

    def take_declaration(self, line):
        while line.count("{") != line.count("}") or not re.search(r";\s*(/\*.*\*/)?\s*$", line):
            line += "\n" + next(self.lines)
        body = re.match(r"(struct|enum) (\w+) \{", line)
        if body:
            self.types.append((body.group(2), self.comment, line))
            self.comment = ""
            return
        if re.match(r"struct \w+;", line):
            if self.comment.startswith("A "):  # of the handle itself, not of the functions below
                self.types.append((line[7:line.index(";")], self.comment, line))
                self.comment = ""
            return
        text, _, beside = line.partition("/*")
        text = " ".join(text.split())
        name = re.search(r"(\w+)\(", text).group(1)
        self.group.append((name, text, " ".join(beside.replace("*/", "").split())))

    def end_group(self):
        if self.group:
            self.groups.append((self.comment, self.group))
            self.comment = ""
        self.group = []

    def functions(self):
        return [name for _, group in self.groups for name, _, _ in group]


# ---- as scdoc takes it ----

def escape(text):
    return re.sub(r"([\\*_~#\[\]`|<])", r"\\\1", text).replace("++", "\\++")


def prose(text):
    """A comment as a paragraph: what is code in it is set as code."""
    out = []
    for part in re.split(r"(`[^`]+`|\blifecycle\w*\(\)|\b[a-z-]+(?:\.[a-z-]+)?\(\d\))", text):
        call = re.fullmatch(r"(\w+)\(\)", part)
        page = re.fullmatch(r"([\w.-]+)(\(\d\))", part)
        if call:
            out.append(f"*{escape(call.group(1))}*()")
        elif page:
            out.append(f"*{escape(page.group(1))}*{page.group(2)}")
        elif part.startswith("`"):
            out.append(f"_{escape(part[1:-1])}_")
        else:
            out.append(escape(part))
    return "".join(out)


def block(lines):
    return "```\n" + "\n".join(lines).replace("\\", "\\\\") + "\n```"


def wrapped(prototype):
    """Broken at its commas alone."""
    kept = re.sub(r"(?<!,) ", "\0", prototype)
    lines = textwrap.wrap(kept, WIDTH, subsequent_indent="\0" * 8, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def fitted(text):
    """A struct or an enum: where a comment beside a member is too long for a page, it stands above it."""
    for line in text.expandtabs(4).splitlines():
        if len(line) <= WIDTH or "/*" not in line:
            yield line
            continue
        code, _, comment = line.partition("/*")
        indent = re.match(r" *", line).group()
        parts = textwrap.wrap("/* " + comment.replace("*/", "").strip(), WIDTH - len(indent) - 3, subsequent_indent="   ")
        parts[-1] += " */"
        yield from (indent + part for part in parts)
        if code.strip():
            yield code.rstrip()


def names(header):
    return ", ".join(escape(name) for name in header.functions())


def synopsis(header):
    lines = ["#include <lifecycle.h>", ""]
    for _, group in header.groups:
        for _, prototype, _ in group:
            lines += wrapped(prototype)
    return block(lines)


def functions(header):
    out = []
    for comment, group in header.groups:
        beside = [f"{prose(text)}" if len(group) == 1 else f"*{escape(name)}*(): {prose(text)}" for name, _, text in group if text]
        said = ([prose(comment)] if comment else []) + beside
        if said:
            out.append(", ".join(f"*{escape(name)}*()" for name, _, _ in group) + "\n\t" + "\n\n\t".join(said))
    return "\n\n".join(out)


def types(header):
    out = []
    for name, comment, text in header.types:
        out += ([prose(comment)] if comment else []) + [block(fitted(text))]
    if header.defines:
        out.append(block(line for define in header.defines for line in fitted(define)))
    return "\n\n".join(out)


def example(place, name):
    text = (pathlib.Path(place) / name).read_text()
    return block(text.split("*/\n", 1)[1].strip().expandtabs(4).splitlines())


def expand(page, header, examples):
    makers = {"NAMES": names, "SYNOPSIS": synopsis, "FUNCTIONS": functions, "TYPES": types}
    text = re.sub(r"@EXAMPLE (\S+)@", lambda found: example(examples, found.group(1)), page)
    return re.sub(r"@([A-Z]+)@", lambda found: makers[found.group(1)](header), text)


def main():
    if sys.argv[1] == "functions":
        print("\n".join(Header(sys.argv[2]).functions()))
        return
    page, header, examples, scdoc = sys.argv[2:]
    text = expand(pathlib.Path(page).read_text(), Header(header), examples)
    made = subprocess.run([scdoc], input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(re.sub(r"^(\.TH .*\n)", r"\1.nh\n", made, flags=re.M), end="")  # who searches for a name must find it in one piece


if __name__ == "__main__":
    main()
