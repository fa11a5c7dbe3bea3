from __future__ import annotations

import pytest

from stackyard.oci.tar import Kind, TarEntry
from stackyard.system.clean import Cleaner

clean = Cleaner("deb http://deb.debian.org/debian bookworm main\n")


@pytest.mark.parametrize(
    "name",
    [
        "dev/null",
        "etc/hostname",
        "etc/resolv.conf",
        "run/utmp",
        "tmp/x",
        "var/cache/ldconfig/aux-cache",
        "var/cache/apt/pkgcache.bin",
        "var/cache/debconf/templates.dat-old",
        "var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease",
        "var/lib/dbus/machine-id",
        "var/lib/dpkg/status-old",
    ],
)
def test_what_tells_of_this_machine_is_left_out(name: str) -> None:
    assert clean(TarEntry(name)) is None


@pytest.mark.parametrize(
    "name",
    [
        "dev",
        "run/lock",
        "tmp",
        "var/lib/apt/lists",
        "var/lib/dpkg/status",
        "usr/share/doc/bash/copyright",
        "usr/lib/python3.11/__pycache__/os.cpython-311.pyc",
    ],
)
def test_the_rest_stays_as_it_is(name: str) -> None:
    entry = TarEntry(name, size=5)
    assert clean(entry) == (entry, None)


def test_logs_and_the_machine_id_are_emptied() -> None:
    for name in ("etc/machine-id", "var/log/dpkg.log", "var/log/apt/history.log"):
        assert clean(TarEntry(name, size=5)) == (TarEntry(name, size=0), b"")
    folder = TarEntry("var/log/apt", Kind.DIRECTORY)
    assert clean(folder) == (folder, None)


def test_sources_are_debians_own() -> None:
    entry, contents = clean(TarEntry("etc/apt/sources.list", size=999, mode=0o600))
    assert contents == b"deb http://deb.debian.org/debian bookworm main\n"
    assert (entry.size, entry.mode) == (len(contents), 0o644)


def test_apts_folders_are_roots() -> None:
    entry, _ = clean(TarEntry("var/lib/apt/lists/partial", Kind.DIRECTORY, uid=42))
    assert entry.uid == 0
