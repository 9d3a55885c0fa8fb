#!/usr/bin/env python3
"""Pictures of made-up lives: they are XML, their rows are there, times are to scale, and no label lies upon another or on a bar."""
import itertools
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "hosts"))
import check  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
DRAW = sys.argv.pop(1)
LETTER = 6.63  # of DejaVu Sans Mono at 11 px
SPAN = re.compile(r", ([\d.]+) s to ([\d.]+) s$")


def draw(lines):
    done = subprocess.run([DRAW], input="".join(line + "\n" for line in lines), capture_output=True, text=True, check=True, timeout=60)
    return ElementTree.fromstring(done.stdout)


def rows(svg):
    """{its name: group} with the VM's name in front of an SP's."""
    found, vm = {}, None
    for group in svg.iter(f"{SVG}g"):
        if group.get("class") == "row":
            name = group.find(f"{SVG}text")
            vm = name.text if name.get("class") == "vm" else vm
            found[name.text if name.get("class") == "vm" else f"{vm} {name.text}"] = group
    return found


def bars(group):
    """[(class, x, width, from, to, y)]; from and to in seconds, None of what goes on."""
    for rect in group.iter(f"{SVG}rect"):
        times = SPAN.search(rect.find(f"{SVG}title").text)
        yield (rect.get("class"), float(rect.get("x")), float(rect.get("width")),
               *(map(float, times.groups()) if times else (None, None)), float(rect.get("y")))


def labels(group):
    return [t for t in group.iter(f"{SVG}text") if t.get("class") == "label"]


def a_life(name, life, at, cause="user-abort", length=10.0):
    return [f"state {at} {name} {life} null/- created/allocating -",
            f"state {at + 0.1 * length} {name} {life} created/ready running/running -",
            f"state {at + 0.8 * length} {name} {life} running/running aborting/quiescing {cause}",
            f"state {at + 0.9 * length} {name} {life} aborting/quiescing aborting/retiring {cause}",
            f"state {at + length} {name} {life} aborting/retiring null/- {cause}"]


def in_order(*stories):
    return sorted((line for story in stories for line in story), key=lambda line: float(line.split()[1]))


def each_vm_and_each_message_has_a_row():
    found = rows(draw(in_order(a_life("web", 5, 0), a_life("db", 6, 2), [
        "debt 0.2 web 5 8001 none creating - 0", "debt 0.8 web 5 8001 creating known answered-0 3",
        "debt 9.1 web 5 8001 known destroying - 0", "debt 9.9 web 5 8001 destroying settled answered-0 1"])))
    assert list(found) == ["web", "web 0x8001 VM_CREATED", "web 0x8001 VM_DESTROYED", "db"], list(found)
    assert [t.text for t in labels(found["web"])] == ["life 5, 0x1005: user-abort"]
    assert [t.text for t in labels(found["web 0x8001 VM_CREATED"])] == ["answered-0, 3 tries"]
    assert [c for c, *_ in bars(found["web"])] == ["created", "running", "aborting", "retiring"]


def times_are_to_scale():
    svg = draw(in_order(a_life("web", 5, 0), a_life("db", 6, 3, length=40), a_life("web", 7, 60, length=600)))
    ticks = [float(t.get("x")) for t in svg.iter(f"{SVG}text") if t.get("class") == "tick"]
    assert 4 <= len(ticks) <= 12, ticks
    all_bars = list(itertools.chain.from_iterable(map(bars, rows(svg).values())))
    _, x, width, begin, end, _ = max(all_bars, key=lambda bar: bar[2])
    scale = width / (end - begin)
    origin = x - begin * scale
    assert len(all_bars) == 12 and end - begin == 420, all_bars
    for _, x, width, begin, end, _ in all_bars:
        assert abs(x - origin - begin * scale) < 0.05, (begin, x, origin, scale)
        assert abs(width - (end - begin) * scale) < 0.05 or width == 2, (begin, end, width, scale)
    assert abs(ticks[0] - origin) < 0.5, "the axis begins where time does"


def what_goes_on_reaches_the_edge():
    found = rows(draw(in_order(a_life("web", 5, 0), a_life("db", 6, 1)[:2])))
    last = list(bars(found["db"]))[-1]
    assert last[0] == "running" and last[4] is None, last
    ended = list(bars(found["web"]))[-1]
    assert last[1] + last[2] > ended[1] + ended[2], (last, ended)
    assert labels(found["db"])[0].text == "life 6, 0x1006"


def what_began_before_begins_at_the_edge():
    found = rows(draw(["state 5 db 9 running/running aborting/quiescing user-abort", *a_life("web", 10, 6)]))
    first, *_ = bars(found["db"])
    assert first[0] == "running" and first[3] == first[4] == 0, first
    restarted = rows(draw([*a_life("web", 5, 0)[:4], "state 10 web 6 aborting/retiring created/allocating -",
                           "state 12 web 6 created/ready running/running -"]))
    assert [(b[0], b[3]) for b in bars(restarted["web"]) if b[3] == 10] == [("created", 10)], "a restart begins where it does"


def boxes(group):
    """Of labels, as far as their letters go."""
    return [(float(t.get("x")), float(t.get("y")) - 9, float(t.get("x")) + LETTER * len(t.text), float(t.get("y")) + 2, t.text)
            for t in labels(group)]


def meet(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def crowded():
    """Short lives one after the other, overlapping ones, a long one, and one at the right edge."""
    many = [a_life("web", 10 + i, 7 * i, cause="guest-panic", length=3) for i in range(30)]
    old = [a_life("web", 100 + i, 20 + 9 * i, cause="host-shutdown", length=25) for i in range(6)]
    return in_order(*many, *old, a_life("db", 300, 0, length=200), a_life("late", 301, 199, length=3),
                    [f"debt {7 * i + 0.1} web {10 + i} 8001 none creating - 0" for i in range(30)],
                    [f"debt {7 * i + 0.2 + i % 3} web {10 + i} 8001 creating known answered-0 {i}" for i in range(30)])


def no_label_lies_upon_another_or_on_a_bar():
    svg = draw(crowded())
    every = []
    for name, group in rows(svg).items():
        own = boxes(group)
        every += own
        if name == "web":
            assert len(own) == 36, f"each life has a label, {len(own)} have"
        for span in (g for g in group.iter(f"{SVG}g") if g.get("class") == "span"):
            others = [b for s in group.iter(f"{SVG}g") if s.get("class") == "span" and s is not span for b in bars(s)]
            for label in boxes(span):
                for bar in others:
                    assert not meet(label, (bar[1], bar[5], bar[1] + bar[2], bar[5] + 16)), (name, label, bar)
    for a, b in itertools.combinations(every, 2):
        assert not meet(a, b), (a, b)
    width = float(svg.get("width"))
    assert all(0 <= box[0] and box[2] <= width for box in every), "all of it is in the picture"


def rows_do_not_meet():
    svg, bottom = draw(crowded()), 0
    for name, group in rows(svg).items():
        tops = [bar[5] for bar in bars(group)] + [box[1] for box in boxes(group)]
        assert min(tops) >= bottom, (name, min(tops), bottom)
        bottom = max([bar[5] + 16 for bar in bars(group)] + [box[3] for box in boxes(group)])
    assert bottom < float(svg.get("height"))


def names_are_escaped():
    for name in ('a<b>&"c\'', "]]>", "</text><script>x</script>", "\x1b[31m", "gr\u00fc\u00df"):
        found = rows(draw(a_life(name, 5, 0)))
        shown, = found
        assert shown == "".join("?" if ord(c) < 32 else c for c in name), (name, shown)


def nothing_and_very_much_can_be_drawn():
    assert rows(draw([])) == {}
    for length in (0.000004, 0.5, 90, 5000, 400000, 40000000):
        svg = draw(a_life("web", 5, 0, length=length))
        ticks = [t.text for t in svg.iter(f"{SVG}text") if t.get("class") == "tick"]
        assert 3 <= len(ticks) <= 12 and len(set(ticks)) == len(ticks), (length, ticks)
    lives = [a_life("web", 10 + i, 20 * i, length=11) for i in range(1600)]
    assert len(list(bars(rows(draw(in_order(*lives)))["web"]))) == 6400


def a_clock_that_was_set_back_stops():
    found = rows(draw(["state 50 web 5 null/- created/allocating -", "state 55 web 5 created/ready running/running -",
                       "state 20 web 5 running/running aborting/quiescing user-abort", "state 60 web 5 aborting/retiring null/- user-abort"]))
    assert [round(b[3]) for b in bars(found["web"])] == [0, 5, 5], list(bars(found["web"]))


if __name__ == "__main__":
    sys.exit(check.main([
        each_vm_and_each_message_has_a_row,
        times_are_to_scale,
        what_goes_on_reaches_the_edge,
        what_began_before_begins_at_the_edge,
        no_label_lies_upon_another_or_on_a_bar,
        rows_do_not_meet,
        names_are_escaped,
        nothing_and_very_much_can_be_drawn,
        a_clock_that_was_set_back_stops,
    ]))
