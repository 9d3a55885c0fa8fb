# SPDX-License-Identifier: Apache-2.0
"""schema.py SCHEMA EXAMPLE READER [SEED:COUNT]: definitions that are right and such that are not, and what schema and daemon
say of each. What the daemon takes, the schema takes; what the schema takes and the daemon does not is in BEYOND, with the reason why no
schema can tell, or it is a bug of one of them. A run must have seen each row of BEYOND, and each key taken and refused.
"""
import collections
import copy
import json
import random
import re
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    sys.exit("there is no Python module jsonschema: tests/setup installs it")

# What the daemon says, and why the schema is silent.
BEYOND = [
    (r'^[^:]+: "\d+[KMGhmsin]*" is out of range', "the range of a number that has its unit behind it, in a text"),
    (r'^[^:]+: "\d{15,}[KMGhmsin]*" is not a (size|duration)', "a number in a text that no 64 bits hold"),
    (r"^[^:]+: -?\d+\.0 is not a (whole number|size)", "to a schema 4.0 is a whole number"),
    (r"^[^:]+: .*has \d+ bytes; write at most.* \(not ASCII\)", "a length in bytes; a schema counts letters"),
    (r'^resources.devices\[\d\]: "/dev/.* is not a device node.* \(not ASCII\)', "likewise"),
    (r"^memory\.size: \d+ bytes is no multiple of", "the page is this machine's, or with huge-pages that of another key"),
    (r"^console\.ring: \d+ bytes is no power of two", "a power of two"),
    (r"^vcpus\.placement: has \d+ entries for \d+ vCPUs", "a length that is another key's value"),
    (r"^vcpus\.placement\[\d+\]: \"[\d,-]+\" is not a CPU list", "numbers in a text: which is the larger, and how many CPUs there can be"),
    (r"^order\.(after|requires): .* cannot (wait for|require) itself", "a text that is another key's value"),
    (r"^policies\.restart-delay-max: \d+ms is less than restart-delay", "two numbers, compared"),
    (r"^devices\[\d\]\.script: after \d+ letters of the script", "the language of scripts"),
]

# Values that are put anywhere, beside those that the place's own schema suggests.
STRANGE = [None, True, False, 0, 1, -1, 2, 4.0, 1.5, 2**31, 2**63, 2**64, -2**63, "", " ", "0", "x", "a" * 64, "a" * 63, "web", "/", "/k", "64M", "4096", "5s", "any",
           "a\tb", "a\u007fb", "/\u00e9", "\u00e9" * 200, "é" * 600, [], {}, [[]], [{}], ["web"], ["web", "web"], {"type": "vfio-fake"}, "web\n"]
NUMBERS = ["0", "1", "2", "100", "1000", "4096", "65536", "1048576", "2097152", "3600", "99999999999999999999", "007"]
UNITS = ["", "K", "M", "G", "ms", "s", "min", "h", "k", "T", " s"]
DURATIONS = ["1s", "100ms", "5s", "1min", "1h", "3600s", "60000ms"]
SIZES = ["2M", "64M", "1G", "4096K", "2097152", "1048576"]
CPUS = ["0", "0-3", "3-1", "255", "256", "any", "0,2,4-7", "0,", "-1", "any,1"]
SCRIPTS = ["", "flags 7", "set stop delay 20ms", "set running>stop fail 5 then error;reset never", "nonsense", "x" * 126, "x" * 127, "é" * 100]
NAMES = ["web", "database", "network", "example", "a.b-c_9", "-web", "we b", "w" * 63, "w" * 64, ".w", "9"]
PARTITIONS = ["0x8001", "0x7fff", "0xffff", "0xFFFF", "0X8001", "0x80010", "8001", "00000000-0000-0000-0000-000000000000",
              "40EE25F0-a2bc-304c-8c4c-a173c57d8af1", "40ee25f0-a2bc-304c-8c4c-a173c57d8af"]
DEVICES = ["/dev/vfio/vfio", "/dev/", "/dev", "dev/x", "/dev/" + "x" * 58, "/dev/" + "x" * 59, "/dev/" + "é" * 50, "/dev/\n"]
TEXTS = NAMES + PARTITIONS + DEVICES + SCRIPTS + CPUS + ["/" + "k" * 254, "/" + "k" * 255, "c" * 1023, "c" * 1024, "/" + "é" * 200]


def ecma_pattern(validator, pattern, value, schema):
    """As ECMA 262 has it, which is what a schema means: $ is the end, and not also what is before a last newline."""
    if validator.is_type(value, "string") and not re.search(re.sub(r"\$(?=\)*$)", r"\\Z", pattern), value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})


class Generator:
    def __init__(self, schema, seed):
        self.schema = schema
        self.random = random.Random(seed)

    def resolve(self, node):
        while "$ref" in node:
            node = self.schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return node

    def text(self):
        r = self.random
        return r.choice([r.choice(TEXTS), r.choice(NUMBERS) + r.choice(UNITS), r.choice(NAMES)])

    def value(self, node):
        """One that may fit, most of the time."""
        r, node = self.random, self.resolve(node)
        if "anyOf" in node:
            return self.value(r.choice(node["anyOf"]))
        if "enum" in node:
            return r.choice(node["enum"])
        kind = node.get("type")
        if kind == "object":
            required = node.get("required", [])
            return {k: self.value(v) for k, v in node["properties"].items() if k in required or r.random() < 0.4}
        if kind == "array":
            most = node.get("maxItems", 4)
            return [self.value(node["items"]) for _ in range(r.choice([0, 1, 1, 1, 2, most if r.random() < 0.2 else 1, most + 1 if r.random() < 0.2 else 1]))]
        if kind == "integer":
            low, high = node.get("minimum", 0), node.get("maximum", 2**31)
            if r.random() < 0.05:
                return r.choice([low - 1, high + 1, float(low)])
            return r.choice([low, high, r.randint(low, high), r.randint(low, min(high, low + 64))])
        if kind == "boolean":
            return r.random() < 0.5
        if "min" in node.get("pattern", ""):
            return r.choice(DURATIONS) if r.random() < 0.9 else self.text()
        if "KMG" in node.get("pattern", ""):
            return r.choice(SIZES) if r.random() < 0.9 else self.text()
        return self.fitting(node.get("pattern"))

    def fitting(self, pattern):
        """A text of its pattern, if one of a hundred is."""
        for _ in range(100):
            text = self.text()
            if not pattern or re.search(pattern, text):
                return text
        return "40ee25f0-a2bc-304c-8c4c-a173c57d8af1"

    def limits(self, node, value):
        """What is just within a place's limits and what is just beyond, and other types."""
        node = self.resolve(node)
        yield from (None, True, 1, 1.5, "x", [], {}, [1], {"x": 1})
        for way in node.get("anyOf", []):
            yield from self.limits(way, value)
        yield from node.get("enum", [])
        for key, step in (("minimum", -1), ("maximum", 1)):
            if key in node:
                yield node[key]
                yield node[key] + step
        if "maxLength" in node:
            yield value.ljust(node["maxLength"], "x")
            yield value.ljust(node["maxLength"], "x") + "x"
        if "maxItems" in node:
            fit = Validator({**node["items"], "$defs": self.schema["$defs"]})
            item = next(i for i in (lambda n: f"n{n}", lambda n: f"/dev/n{n}", lambda n: f"0x80{n:02x}", str, lambda n: {"type": "ccw-fake"})
                        if fit.is_valid(i(1)))
            for count in (node["maxItems"], node["maxItems"] + 1):
                yield [item(n) for n in range(count)]

    def at_limits(self, whole):
        """A definition that has all keys, with one after the other at its limits."""
        for path, node in self.places(whole, self.schema):
            inner = whole
            for step in path:
                inner = inner[step]
            for value in self.limits(node, inner) if path else []:
                definition = copy.deepcopy(whole)
                at = definition
                for step in path[:-1]:
                    at = at[step]
                at[path[-1]] = value
                yield definition

    def definition(self, base):
        r = self.random
        d = self.changed(self.value(self.schema) if r.random() < 0.5 else r.choice(base))
        if r.random() < 0.05:
            d["order"] = {r.choice(["after", "requires"]): ["db", d.get("name", "x")]}
        return d

    def places(self, value, node, path=()):
        """Everything within a value, and the schema of it."""
        node = self.resolve(node)
        yield path, node
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in node.get("properties", {}):
                    yield from self.places(inner, node["properties"][key], path + (key,))
        elif isinstance(value, list) and "items" in node:
            for i, inner in enumerate(value):
                yield from self.places(inner, node["items"], path + (i,))

    def changed(self, definition):
        """With some of it another."""
        r, definition = self.random, copy.deepcopy(definition)
        for _ in range(r.choice([0, 1, 1, 1, 2, 3])):
            path, node = r.choice(list(self.places(definition, self.schema)))
            if not path:
                continue
            at = definition
            for step in path[:-1]:
                at = at[step]
            what = r.random()
            if what < 0.15:
                del at[path[-1]]
            elif what < 0.25 and isinstance(at, dict):
                at[r.choice(["kernle", "x", "Name", path[-1] + "s"])] = at.pop(path[-1])
            elif what < 0.6:
                at[path[-1]] = self.value(node)
            else:
                at[path[-1]] = r.choice(STRANGE + [self.text()])
        return definition


def example(path):
    text = open(path).read()
    return json.loads(re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', lambda m: m.group(1) or "", text, flags=re.S))


def keys(node, generator, path=""):
    """All that there are, as vcpus.count."""
    node = generator.resolve(node)
    for key, inner in node.get("properties", {}).items():
        yield path + key
        yield from keys(inner, generator, f"{path}{key}.")
    if "items" in node:
        yield from keys(node["items"], generator, path)


def keys_of(value, path=""):
    for inner in value if isinstance(value, list) else []:
        yield from keys_of(inner, path)
    for key, inner in value.items() if isinstance(value, dict) else []:
        yield path + key
        yield from keys_of(inner, f"{path}{key}.")


def main():
    schema = json.load(open(sys.argv[1]))
    seed, count = map(int, (sys.argv[4] if len(sys.argv) > 4 else "1:4000").split(":"))
    Validator.check_schema(schema)
    validator = Validator(schema)
    g = Generator(schema, seed)
    base = [example(sys.argv[2]), {"name": "web", "memory": {"size": "64M"}, "kernel": "/k"}]
    some = list(g.at_limits(base[0])) + [g.definition(base) for _ in range(count)]
    count = len(some)
    lines = [json.dumps(d, ensure_ascii=g.random.random() < 0.5) for d in some]
    said = subprocess.run([sys.argv[3]], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    assert len(said) == count, f"{len(said)} answers to {count} definitions"
    seen, wrong, verdicts, taken, refusals = collections.Counter(), [], collections.Counter(), set(), set()
    for line, definition, answer in zip(lines, some, said):
        problems = [p for p in answer.split("\t") if p]
        refused = next(validator.iter_errors(definition), None)
        verdicts[not problems, not refused] += 1
        if not problems and not refused:
            taken.update(keys_of(definition))
        if problems and refused:
            refusals.update(re.sub(r"\[\d+\]", "", p.split(":")[0]) for p in problems)
        if not problems and refused:
            wrong.append(f"the daemon takes it, the schema does not: {refused.json_path}: {refused.message[:200]}\n    {line}")
        elif problems and not refused:
            letters = "" if json.dumps(definition, ensure_ascii=False).isascii() else " (not ASCII)"
            rows = [next((row for row in BEYOND if re.search(row[0], p + letters)), None) for p in problems]
            if None in rows:
                wrong.append(f"the schema takes it, the daemon does not: {problems[rows.index(None)]}\n    {line}")
            for row in filter(None, rows):
                seen[row[0]] += 1
    for text in wrong[:20]:
        print(text)
    every = set(keys(schema, g))
    unseen = [why for pattern, why in BEYOND if not seen[pattern]] + sorted(every - taken) + sorted(every - refusals)
    print(f"{count} definitions: both take {verdicts[True, True]}, both refuse {verdicts[False, False]}, only the schema takes "
          f"{verdicts[False, True]}, {len(wrong)} are told apart")
    if unseen:
        print("nothing shows: ", unseen)
    both = min(verdicts[True, True], verdicts[False, False])
    return 1 if wrong or unseen or both < count // 10 else 0


if __name__ == "__main__":
    sys.exit(main())
