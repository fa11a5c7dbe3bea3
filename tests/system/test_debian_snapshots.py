"""Debian suites held to a moment, bootstrapped for real.

The snapshot archive is played by a server on loopback that sends all who ask for one
moment to where today's packages are; it has no other moments.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import snapshots
from snapshots import MOMENT, Archive

from stackyard.errors import InputError
from stackyard.inventory.filesystem import read_files
from stackyard.oci.image import read_image
from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource
from stackyard.system.base import PreparedBase, prepare
from stackyard.system.mirror import SNAPSHOTS, sources_kept

pytestmark = pytest.mark.real


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """A snapshot archive that this machine is told to use."""
    with snapshots.serve() as found:
        monkeypatch.setenv(SNAPSHOTS, found.url.replace("//", "//user:hunter2@"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield found


def held_to(snapshot: str, store: Store, **other: object) -> PreparedBase:
    settings = {"platform": "linux/amd64", "pinned": None, "report": lambda _: None, **other}
    source = BaseSource("debian", "bookworm", snapshot)
    return prepare(source, apt=("tini",), store=store, root=Path(), **settings)


def test_a_moment(archive: Archive, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    base = held_to(MOMENT, store, report=lines.append)
    assert any(path.endswith(".deb") and "/tini/" in path for path in archive.asked)
    assert f"/archive/debian-security/{MOMENT}/dists/bookworm-security/InRelease" in archive.asked
    assert lines[0].startswith(f"debian bookworm at {MOMENT} (linux/amd64): bootstrapping")
    assert "hunter2" not in "".join(lines)
    assert "tini" in base.debs

    image = read_image(store, base.manifest)
    kept = read_files(store, image.layers).text("etc/apt/sources.list")
    assert kept == sources_kept("bookworm", MOMENT)
    assert f"http://snapshot.debian.org/archive/debian/{MOMENT}/ bookworm main" in kept

    # It stays what it is: there is nothing newer to look for.
    monkeypatch.setenv(SNAPSHOTS, "http://127.0.0.1:1")
    assert held_to(MOMENT, store, refresh=True) == base
    assert held_to(MOMENT, store, pinned=base.digest) == base


def test_a_moment_that_the_archive_lacks(archive: Archive, store: Store) -> None:
    lines: list[str] = []
    with pytest.raises(InputError, match="Debian bookworm at 20010101T000000Z") as raised:
        held_to("20010101T000000Z", store, report=lines.append)
    assert any("20010101T000000Z/dists/bookworm/" in path for path in archive.asked)
    assert "at which there was a bookworm" in raised.value.hint
    assert SNAPSHOTS in raised.value.hint
    assert archive.url.partition("//")[2] in raised.value.message
    assert "hunter2" not in str(raised.value) + "".join(lines)
