"""A file is there whole, or as it was."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from stackyard.wholefile import whole


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 200)
    path.write_text("old")
    with whole(path, 0o600) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_of_a_block_that_fails(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write() -> None:
        with whole(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"
