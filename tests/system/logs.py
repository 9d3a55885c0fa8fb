"""The daemon's log as a file: its lines, and a log that was written under other circumstances.

A line is CRC-32, a blank and JSON (daemon/store/log.h).
"""
import json
import re
import zlib


def read(path):
    """The turns, as JSON."""
    return [json.loads(line[9:]) for line in path.read_bytes().splitlines()]


def changed(path, change):
    """Writes the log anew, each line's text as `change` has it; and its checksum."""
    lines = []
    for line in path.read_bytes().splitlines():
        text = change(line[9:].decode()).encode()
        lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
    path.write_bytes(b"".join(lines))


def of_another_boot(text):
    """A line's text as an earlier boot of this host would have written it."""
    return re.sub(r'"boot":"[0-9a-f-]{36}"', '"boot":"0b007000-0000-4000-8000-000000000000"', text)
