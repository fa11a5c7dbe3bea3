"""Compiles modules for another Python than the one that packs.

This file is not imported: its text is run by the image's minor version of
Python, 3.8 or later, with nothing but the standard library. It reads batches
from stdin and answers each on stdout, all numbers 4 bytes little-endian:

    request:   count, then for each module: length, file name, length, source
    answer:    for each module: length, pyc (length 0: it does not compile)

The pyc is PEP 552's, checked by the source's hash: layers have fixed times, so
one that is checked by time would be stale or, worse, wrongly fresh.
"""

import gc
import sys

if sys.path and not sys.path[0]:
    del sys.path[0]  # the current directory, which -c puts there

import importlib.util
import marshal
import types

CHECKED_HASH = (3).to_bytes(4, "little")
HEADER = importlib.util.MAGIC_NUMBER + CHECKED_HASH


def sets_in(code: types.CodeType) -> "list[frozenset[object]]":
    """The constants in the code that are sets of several."""
    found = []
    for const in code.co_consts:
        kind = type(const)
        if kind is types.CodeType:
            found += sets_in(const)
        elif kind is frozenset and len(const) > 1:
            found.append(const)
    return found


def marshalled(name: str, source: bytes) -> bytes:
    """The module's code, as bytes that depend on nothing else that this process did, or b""."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    sets = sets_in(code)
    if sys.version_info < (3, 11):  # noqa: UP036 - it runs on older ones
        if sets:
            return b""  # their order follows addresses (bpo-37596)
        # Strings that nobody else uses are written differently (bpo-34093). While a
        # copy lives, the interned ones, which others may use, all have two users.
        copy = marshal.loads(marshal.dumps(code))  # noqa: F841, S302
    elif len(set(sets)) < len(sets):
        # Whether equal sets become one depends on which strings were interned before.
        # While the first code lives all are, and so the second is always the same.
        return marshal.dumps(compile(source, name, "exec", dont_inherit=True, optimize=0))
    return marshal.dumps(code)


def compiled(name: str, source: bytes) -> bytes:
    """A pyc, or b"" for what is not Python for this version: a template, a test of errors."""
    try:
        data = marshalled(name, source)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return b""
    return data and HEADER + importlib.util.source_hash(source) + data


def main() -> None:
    """Answer batches until stdin ends."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer

    def number() -> int:
        data = requests.read(4)
        if len(data) < 4:
            sys.exit()
        return int.from_bytes(data, "little")

    gc.disable()  # compiling makes many objects and no cycles
    while True:
        batch = [(requests.read(number()), requests.read(number())) for _ in range(number())]
        for name, source in batch:
            pyc = compiled(name.decode("utf-8", "surrogateescape"), source)
            answers.write(len(pyc).to_bytes(4, "little") + pyc)
        answers.flush()


main()
