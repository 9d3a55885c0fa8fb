#!/usr/bin/env python3
"""What programs that were built against liblifecycle rely on: its functions, structs, constants. libclient/liblifecycle.abi has them.

    abi.py program HEADERS          C text: a program that links the shared object and prints all of it as the compiler sees it
    abi.py check PROGRAM ABI SYM    compares that with the file, and says of each difference whether it breaks programs
    abi.py write PROGRAM ABI        writes the file anew
"""
import pathlib
import re
import subprocess
import sys


def plain(text):
    """Without comments, lines of the preprocessor, and the braces of extern "C"."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"//[^\n]*", " ", text)
    text = re.sub(r"#ifdef __cplusplus.*?#endif", " ", text, flags=re.S)
    return re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*$", " ", text, flags=re.M)


def statements(text):
    """Cut at the semicolons outside of braces and parentheses."""
    depth, begin = 0, 0
    for at, c in enumerate(text):
        depth += (c in "{(") - (c in "})")
        if c == ";" and depth == 0:
            yield " ".join(text[begin:at].split())
            begin = at + 1


def without_name(parameter):
    """A parameter's name is no part of what is called."""
    return re.sub(r"(?<=[\s*])(\w+)((?:\[\w*\])*)$", r"\2", parameter).strip() if " " in parameter else parameter


def function(statement):
    """(name, prototype without names), or None."""
    found = re.fullmatch(r"(.*?[\s*])(lifecycle_\w+)\((.*)\)", statement)
    if not found or "{" in statement:
        return None
    result, name, parameters = found.groups()
    return name, f"{result.strip()} ({', '.join(without_name(p.strip()) for p in parameters.split(','))})"


def members(body, prefix=""):
    """The names in a struct's body, in order; those of a struct inside it as well, with its own before them."""
    for statement in statements(body):
        inner = re.fullmatch(r"(?:const )?struct (?:\w+ )?\{(.*)\} ?(\**)(\w+)", statement)
        if inner:
            yield prefix + inner.group(3)
            if not inner.group(2):
                yield from members(inner.group(1), f"{prefix}{inner.group(3)}.")
            continue
        for declared in re.sub(r"^(?:const |struct \w+ |enum \w+ |unsigned |\w+ )+", "", statement).split(","):
            yield prefix + re.search(r"(\w+)(?:\[.*\])?$", declared.strip()).group(1)


def structs(text):
    """(name, members) of each with a body, those inside others as well."""
    for found in re.finditer(r"struct (lifecycle_\w+) \{", text):
        depth, at = 1, found.end()
        while depth:
            depth += (text[at] == "{") - (text[at] == "}")
            at += 1
        yield found.group(1), list(members(text[found.end():at - 1]))


def program(headers):
    raw = "".join(pathlib.Path(h).read_text() for h in headers)
    text = plain(raw)
    functions = [f for f in map(function, statements(text)) if f]
    constants = re.findall(r"\b(LIFECYCLE_\w+) =", text)
    constants += re.findall(r"^#define (LIFECYCLE_\w+) \(?-?\d", raw, re.M)
    if not functions or not constants:
        sys.exit("abi.py: no functions in the headers?")
    print("/* Made by abi.py. */\n#include <dlfcn.h>\n#include <lifecycle.h>\n#include <stdio.h>\n")
    print("static const struct {\n\tconst char *name, *prototype;\n\tvoid (*address)(void);\n} functions[] = {")
    for name, prototype in sorted(functions):
        print(f'\t{{ "{name}", "{prototype}", (void (*)(void)){name} }},')
    print("};\n\nint main(void)\n{")
    print("\tfor (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)")
    print("\t\tif (functions[i].address && dlvsym(RTLD_DEFAULT, functions[i].name, \"LIFECYCLE_0\"))")
    print('\t\t\tprintf("function %s@LIFECYCLE_0 %s\\n", functions[i].name, functions[i].prototype);')
    for name, names in structs(text):
        print(f'\tprintf("struct {name} %zu\\n", sizeof(struct {name}));')
        for m in names:
            print(f'\tprintf("member {name}.{m} %zu %zu\\n", offsetof(struct {name}, {m}), sizeof(((struct {name} *)0)->{m}));')
    for name in constants:
        print(f'\tprintf("constant {name} %d\\n", (int){name});')
    print("\treturn 0;\n}")


def lines(text):
    """What is said of each thing: {"member lifecycle_vm.name": "8 8"}."""
    return {" ".join(line.split()[:2]): " ".join(line.split()[2:]) for line in text.splitlines() if line}


def may_grow(kept, key):
    """A struct that begins with `size` may become longer, for nobody but the library knows how long it is."""
    kind, name = key.split()
    return kind == "struct" and kept.get(f"member {name}.size", "").split()[:1] == ["0"]


def is_in_a_hole(kept, now, key):
    """A new member where the struct was before: a program could not tell by `size` whether its library fills it in."""
    struct = "struct " + key.split()[1].split(".")[0]
    return key.startswith("member ") and struct in kept and int(now[key].split()[0]) < int(kept[struct])


def problems(kept, now):
    """Of everything that is not as it was."""
    for key, said in kept.items():
        if key not in now:
            yield f"{key} is gone: programs that use it break"
        elif now[key] != said:
            grown = may_grow(kept, key) and int(now[key]) > int(said)
            yield f"{key} was '{said}' and is '{now[key]}'" + ("" if grown else ": programs that use it break")
    for key in now:
        if key not in kept:
            yield f"{key} is new" + (", where the struct was before: put it at the end" if is_in_a_hole(kept, now, key) else "")


def exported(sym):
    return set(re.findall(r"^\t(lifecycle_\w+);", pathlib.Path(sym).read_text(), re.M))


def check(run, abi, sym):
    kept, now = lines(pathlib.Path(abi).read_text()), lines(run)
    found = list(problems(kept, now))
    declared = {key.split()[1].split("@")[0] for key in now if key.startswith("function ")}
    found += [f"{name} is in liblifecycle.sym and in no header" for name in sorted(exported(sym) - declared)]
    if found:
        print("\n".join(found))
        print(f"what is only new is written down by: {sys.argv[0]} write {sys.argv[2]} {abi}")
    return 1 if found else 0


def main():
    if sys.argv[1] == "program":
        return program(sys.argv[2:])
    run = subprocess.run([sys.argv[2]], capture_output=True, text=True, check=True).stdout
    if sys.argv[1] == "write":
        return pathlib.Path(sys.argv[3]).write_text(run) and None
    return check(run, *sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
