"""Finding the Python that an image runs, and the library that belongs to it.

What Python works out about itself when it starts, from the same files:
https://docs.python.org/3/library/sys_path_init.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stackyard.inventory.filesystem import FileSystem

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What programs are looked for in when an image's config does not say."""

_NAMES = ("python3", "python")
_VERSIONED = re.compile(r"python(3\.\d+)")
_SETTING = re.compile(r"\s*([\w-]+)\s*=\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python installation, or a virtual environment (paths without leading slash).

    Attributes:
        path: the program.
        prefix: what ``sys.prefix`` would be; its library is in lib/pythonMINOR.
        minor: such as ``3.11``.
        made_from: of a virtual environment, the Python that it was made from.
        sees_system: of a virtual environment: what that Python has is seen inside.
    """

    path: str
    prefix: str
    minor: str
    made_from: Interpreter | None = None
    sees_system: bool = False

    def under(self, path: str) -> str:
        """*path* in the prefix."""
        return under(self.prefix, path)


def under(prefix: str, path: str) -> str:
    """*path* in *prefix*, which can be the root ("")."""
    return f"{prefix}/{path}" if prefix else path


def find_interpreter(fs: FileSystem, path_env: str) -> Interpreter | None:
    """The Python 3 that ``python3`` starts.

    Args:
        fs: the image's files.
        path_env: what is in ``PATH``.

    Returns:
        None when there is none, or none with its standard library: a wrapper, a Python 2.
    """
    for name in _NAMES:
        for folder in filter(None, path_env.split(":")):
            place = fs.resolve(folder)
            program = None if place is None else under(place, name)
            if program and _runs(fs, program):
                return _environment(fs, program) or _installation(fs, program)
    return None


def _runs(fs: FileSystem, program: str) -> bool:
    node = fs.stat(program)
    return node is not None and fs.is_file(program) and bool(node.entry.mode & 0o111)


def _installation(fs: FileSystem, program: str) -> Interpreter | None:
    """Python looks upwards from where its program really is for its library."""
    real = fs.resolve(program) or program
    named = _VERSIONED.fullmatch(real.rpartition("/")[2])
    prefix = real
    while prefix:
        prefix = prefix.rpartition("/")[0]
        for minor in [named[1]] if named else _minors(fs, prefix):
            if fs.exists(under(prefix, f"lib/python{minor}/os.py")):
                return Interpreter(real, prefix, minor)
    return None


def _minors(fs: FileSystem, prefix: str) -> list[str]:
    """The versions whose libraries are in a prefix, newest first."""
    names = fs.listdir(under(prefix, "lib"))
    found = [match[1] for name in names if (match := _VERSIONED.fullmatch(name))]
    return sorted(found, key=lambda minor: int(minor[2:]), reverse=True)


def _environment(fs: FileSystem, program: str) -> Interpreter | None:
    """The virtual environment that a program is in; None when it is in none.

    https://docs.python.org/3/library/venv.html
    """
    folder = program.rpartition("/")[0]
    for prefix in (folder, folder.rpartition("/")[0]):
        text = fs.text(under(prefix, "pyvenv.cfg"))
        if text is not None:
            break
    else:
        return None
    lines = (_SETTING.fullmatch(line) for line in text.splitlines())
    settings = {line[1].lower(): line[2].lower() for line in lines if line}
    made_from = _installation(fs, program)
    if made_from is None:
        return None
    return Interpreter(
        path=program,
        prefix=prefix,
        minor=made_from.minor,
        made_from=made_from,
        sees_system=settings.get("include-system-site-packages") == "true",
    )
