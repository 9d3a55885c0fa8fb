"""Initramfs archives: cpio, "newc" (the kernel's initramfs-buffer-format.rst), written directly. So they can have device
nodes without being root, and are the same to the last byte for the same input.
"""
import gzip
import pathlib
import stat
import subprocess


def pad(data):
    return data + bytes(-len(data) % 4)


def entry(number, name, mode, content=b"", device=(0, 0)):
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return pad(head) + pad(content)


def libraries(program):
    """The shared objects that a program of this machine is loaded with, its loader among them; none if it is static."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return [pathlib.Path(word) for word in said.split() if word.startswith("/")]


class Archive:
    """An archive to be: names are relative to its root, and the folders above a name come by themselves."""

    def __init__(self):
        self.entries = {}
        self.put("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))

    def put(self, name, mode, content=b"", device=(0, 0)):
        for parent in reversed(pathlib.PurePath(name).parents[:-1]):
            self.entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b"", (0, 0)))
        self.entries[name] = (mode, content, device)

    def folder(self, name):
        self.put(name, stat.S_IFDIR | 0o755)

    def link(self, name, target):
        self.put(name, stat.S_IFLNK | 0o777, target.encode())

    def file(self, name, path, mode=0o755):
        self.put(name, stat.S_IFREG | mode, pathlib.Path(path).read_bytes())

    def text(self, name, content):
        self.put(name, stat.S_IFREG | 0o644, content.encode())

    def program(self, name, path):
        """With the libraries it needs, where it looks for them."""
        self.file(name, path)
        for library in libraries(path):
            self.file(str(library).lstrip("/"), library)

    def bytes(self):
        whole = b"".join(entry(i + 1, name, *rest) for i, (name, rest) in enumerate(self.entries.items()))
        return gzip.compress(whole + entry(0, "TRAILER!!!", 0), 1, mtime=0)
