"""The Python of a real suite, run by its own loader without a container."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource
from stackyard.system.base import PreparedBase, prepare
from stackyard.system.interpreter import python_of, runs_here

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def trixie(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, PreparedBase]:
    root: Path = tmp_path_factory.mktemp("trixie")
    store = Store.open(root / "store")
    base = prepare(
        BaseSource("debian", "trixie"),
        platform="linux/amd64" if runs_here("linux/amd64") else "linux/arm64",
        apt=["python3-minimal", "libpython3-stdlib"],
        store=store,
        root=root,
        pinned=None,
        report=lambda _: None,
    )
    return store, base


def test_it_runs_and_is_the_bases_own(trixie: tuple[Store, PreparedBase]) -> None:
    store, base = trixie
    command = python_of(store, base.manifest, "3.13")
    code = "import sys, encodings; print(sys.version_info[:2], encodings.__file__)"
    done = subprocess.run([*command, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("(3, 13)")
    assert str(store.root) in done.stdout


def test_it_is_unpacked_once(trixie: tuple[Store, PreparedBase]) -> None:
    store, base = trixie
    (program,) = {python_of(store, base.manifest, "3.13")[-1] for _ in range(2)}
    assert Path(program).is_file()


def test_another_minor_version_is_not_there(trixie: tuple[Store, PreparedBase]) -> None:
    store, base = trixie
    with pytest.raises(OutsideError, match=r"no Python 3\.12"):
        python_of(store, base.manifest, "3.12")
