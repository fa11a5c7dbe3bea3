from __future__ import annotations

import csv
import importlib.util
import io
import marshal
import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from stackyard.errors import OutsideError
from stackyard.pack import compiler as compiler_module
from stackyard.pack.compiler import Compiler, find_compiler
from stackyard.pack.segment import pack_segment

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
HERE = Compiler(MINOR, (sys.executable,))
STDLIB = Path(os.__file__).parent
SOURCES = [
    (f"/usr/lib/x/{path.name}", path.read_bytes())
    for path in sorted(STDLIB.glob("*.py"))
    if path.stat().st_size > 30_000
]


def compile_all(compiler, modules):
    return list(compiler.compile(modules))


def start_fresh():
    compiler_module.close_sessions()


def others():
    """Interpreters of other versions on this machine that a base image may have."""
    found = (find_compiler(f"3.{minor}") for minor in range(9, 15))
    return [c for c in found if c is not None]


def test_bytecode_is_what_python_itself_would_accept(tmp_path):
    (pyc,) = HERE.compile([("/usr/lib/demo.py", b"def f():\n    return f.__code__.co_filename\n")])
    source = b"def f():\n    return f.__code__.co_filename\n"
    assert pyc is not None
    assert pyc[:4] == importlib.util.MAGIC_NUMBER
    assert pyc[4:8] == b"\3\0\0\0"
    assert pyc[8:16] == importlib.util.source_hash(source)
    assert marshal.loads(pyc[16:]).co_filename == "/usr/lib/demo.py"  # noqa: S302


def test_python_takes_it_and_checks_it(tmp_path):
    source = b"import inspect\nprint(inspect.currentframe().f_code.co_filename)\n"
    (pyc,) = HERE.compile([("/elsewhere/demo.py", source)])
    cached = tmp_path / "__pycache__" / f"demo.{HERE.cache_tag}.pyc"
    cached.parent.mkdir()
    cached.write_bytes(pyc or b"")
    module = tmp_path / "demo.py"

    def run():
        command = [sys.executable, "-B", "-c", "import demo"]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    module.write_bytes(source)
    # co_filename is corrected to the real place at import; that it ran from the
    # pyc shows in the next step.
    assert run() == f"{module}\n"
    module.write_bytes(b"print('changed')\n")
    assert run() == "changed\n"
    module.write_bytes(source)
    cached.write_bytes((pyc or b"")[:16] + marshal.dumps(compile("print('pyc')", "x", "exec")))
    assert run() == "pyc\n"


def test_what_is_not_python_is_skipped():
    bad = [
        b"print 'two'\n",
        b"\0",
        b"def f(:\n",
        b"\xff = 1\n",
        b"# coding: nope\n",
        b"x = " + b"(" * 5000,
    ]
    modules = [
        ("/a.py", b"1\n"),
        *((f"/{n}.py", text) for n, text in enumerate(bad)),
        ("/z.py", b""),
    ]
    answers = compile_all(HERE, modules)
    assert [answer is not None for answer in answers] == [True, *[False] * len(bad), True]


def test_warnings_do_no_harm():
    assert compile_all(HERE, [("/a.py", b"x = '\\d'\nassert (1, 'x')\nx is 1\n")])[0]


def test_the_order_does_not_matter():
    forwards = compile_all(HERE, SOURCES)
    backwards = compile_all(HERE, SOURCES[::-1])[::-1]
    assert forwards == backwards
    assert compile_all(HERE, SOURCES[5:6]) == forwards[5:6]
    start_fresh()
    assert compile_all(HERE, SOURCES[::-1])[::-1] == forwards


@pytest.mark.parametrize("compiler", others(), ids=lambda c: c.python_minor)
def test_other_versions_are_as_stable(compiler):
    sets = [("/sets.py", b"x in {'a', 'b', None}\ny in {1, 'c', b'd', 2.5, ...}\n")]
    modules = [*SOURCES[::3], *sets]
    first = compile_all(compiler, modules)
    start_fresh()
    assert compile_all(compiler, modules[::-1])[::-1] == first
    assert sum(answer is not None for answer in first) > len(first) * 0.6


def test_another_process_gives_the_same(packer, tmp_path):
    files = {"demo/a.py": SOURCES[0][1], "demo/b.py": SOURCES[1][1], "demo/bad.py": b"{{ x }} ="}
    data = packer.zip_bytes(list(packer.wheel_files("demo", "1.0", files).items()))
    name = "demo-1.0-py3-none-any.whl"
    task = packer.task_for(name, data, bytecode=True, python_minor=MINOR)
    path = tmp_path / name
    path.write_bytes(data)
    here = pack_segment(task, path, packer.store.cache("segments"), HERE)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        other = packer.store.cache("other")
        there = pool.submit(pack_segment, task, path, other, HERE).result()
    assert there.path.read_bytes() == here.path.read_bytes()
    found = packer.unpack(here)
    site = task.scheme.purelib
    cached = {n for n in found if n.endswith(".pyc")}
    assert cached == {f"{site}/demo/__pycache__/{n}.{HERE.cache_tag}.pyc" for n in "ab"}
    code = marshal.loads(found[f"{site}/demo/__pycache__/a.{HERE.cache_tag}.pyc"][1][16:])  # noqa: S302
    assert code.co_filename == f"/{site}/demo/a.py"
    rows = list(csv.reader(io.StringIO(found[f"{site}/demo-1.0.dist-info/RECORD"][1].decode())))
    assert [f"demo/__pycache__/a.{HERE.cache_tag}.pyc", "", ""] in rows


def test_scripts_and_data_get_no_bytecode(packer, tmp_path):
    files = {"demo-1.0.data/scripts/x.py": b"#!python\n", "demo-1.0.data/data/share/y.py": b""}
    data = packer.zip_bytes(list(packer.wheel_files("demo", "1.0", files).items()))
    task = packer.task_for("demo-1.0-py3-none-any.whl", data, bytecode=True)
    path = tmp_path / "w"
    path.write_bytes(data)
    segment = pack_segment(task, path, packer.store.cache("segments"), HERE)
    assert not any("__pycache__" in name for name in packer.unpack(segment))


def test_bytecode_takes_a_compiler(packer, tmp_path):
    task = packer.task_for("demo-1.0-py3-none-any.whl", b"", bytecode=True)
    with pytest.raises(ValueError, match="without a compiler"):
        pack_segment(task, tmp_path, packer.store.cache("segments"), None)


def test_finding_an_interpreter():
    found = find_compiler(MINOR)
    assert found is not None
    assert found.python_minor == MINOR
    assert compile_all(found, [("/a.py", b"1")])[0]
    assert find_compiler("3.99") is None
    assert find_compiler("2.7") is None


def test_a_shim_that_fails_is_passed_over(tmp_path, monkeypatch):
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\necho 'pyenv: version is not installed' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler("3.99") is None
    shim.write_text("#!/bin/sh\necho cpython 3 99 final\n")
    compiler_module._is_right.cache_clear()
    assert find_compiler("3.99") == Compiler("3.99", (str(shim),))
    shim.write_text("#!/bin/sh\necho pypy 3 99 final\n")
    compiler_module._is_right.cache_clear()
    assert find_compiler("3.99") is None


def test_an_interpreter_that_is_gone_or_dies_is_said_clearly(tmp_path):
    with pytest.raises(OutsideError, match="No such file"):
        compile_all(Compiler("3.99", (str(tmp_path / "python"),)), [("/a.py", b"")])
    start_fresh()
    compile_all(HERE, [("/a.py", b"")])
    session = compiler_module._session(HERE.command)
    os.kill(session._process.pid, signal.SIGKILL)
    session._process.wait()
    with pytest.raises(OutsideError, match="compiling bytecode with"):
        compile_all(HERE, [("/a.py", b"")])
    assert compile_all(HERE, [("/a.py", b"")])[0]


def test_many_large_modules_do_not_block_each_other():
    big = b"# a long line that is only read\n" * 40_000
    answers = compile_all(HERE, [(f"/{n}.py", big) for n in range(5)])
    assert all(answers)
