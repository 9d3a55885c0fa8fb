"""A reader of OpenMetrics 1.0 that forgives nothing, and of the text format before it, for tests."""
import re

from host import expect

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{(.*)\}})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
SUFFIXES = {"counter": {"_total"}, "gauge": {""}, "info": {"_info"}, "histogram": {"_bucket", "_count", "_sum"}}
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Families(dict):
    """{name: (type, unit, help)}, and the samples {(sample's name, labels as a sorted tuple): value}."""

    def __init__(self):
        super().__init__()
        self.samples = {}

    def value(self, name, **labels):
        key = (name, tuple(sorted(labels.items())))
        expect(key in self.samples, f"there is a sample {key}", *[str(k) for k in self.samples if k[0] == name])
        return self.samples[key]


def labels_of(text):
    if not text:
        return ()
    found = LABEL.findall(text)
    expect(",".join(f'{name}="{value}"' for name, value in found) == text, f"labels are whole: {text}")
    expect(len({name for name, _ in found}) == len(found), f"a label comes once: {text}")
    return tuple(sorted((name, re.sub(r"\\.", lambda m: UNESCAPED[m.group()], value)) for name, value in found))


def check_histogram(families, name):
    """Buckets rise to +Inf, which is the count."""
    series = {}
    for (sample, labels), value in families.samples.items():
        if sample == name + "_bucket":
            edge = dict(labels)["le"]
            series.setdefault(tuple(label for label in labels if label[0] != "le"), []).append((float(edge), value))
    for labels, buckets in series.items():
        edges, counts = [e for e, _ in buckets], [c for _, c in buckets]
        expect(edges == sorted(edges) and edges[-1] == float("inf"), f"{name}: edges rise to +Inf: {edges}")
        expect(counts == sorted(counts), f"{name}: buckets add up: {counts}")
        count = families.samples[(name + "_count", labels)]
        expect(counts[-1] == count, f"{name}: the last bucket has all: {counts[-1]}, count {count}")
        expect(count > 0 or families.samples[(name + "_sum", labels)] == 0, f"{name}: nothing sums up to nothing")


def parse(text):
    """OpenMetrics: metadata first, then the samples of that family; nothing twice; it ends with EOF."""
    expect(text.endswith("\n# EOF\n") and text.count("# EOF") == 1, "it ends with # EOF", text[-200:])
    families, meta, name = Families(), {}, None
    for line in text.splitlines()[:-1]:
        if line.startswith("# "):
            what, subject, value = line[2:].split(" ", 2)
            if subject != name:
                name, meta = subject, {}
                expect(name not in families, f"{name} comes in one piece")
            expect(what in ("HELP", "TYPE", "UNIT") and what not in meta, f"metadata once, before samples: {line}")
            meta[what] = value
            families[name] = (meta.get("TYPE"), meta.get("UNIT", ""), meta.get("HELP"))
            continue
        found = SAMPLE.fullmatch(line)
        expect(found and name, f"a sample: {line}")
        kind, unit, _ = families[name]
        expect(kind in SUFFIXES and found[1] in {name + s for s in SUFFIXES[kind]}, f"a sample of {name}, a {kind}: {line}")
        expect(not unit or name.endswith("_" + unit), f"{name} ends with its unit {unit}")
        key = (found[1], labels_of(found[2]))
        expect(key not in families.samples, f"one sample a series: {line}")
        families.samples[key] = float(found[3])
        expect(kind != "counter" or families.samples[key] >= 0, f"a counter is not below 0: {line}")
    for name, (kind, _, said) in families.items():
        expect(said, f"{name} has a help text")
        if kind == "histogram":
            check_histogram(families, name)
    return families
