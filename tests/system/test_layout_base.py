from __future__ import annotations

import pytest

from stackyard.errors import InputError
from stackyard.oci.export import write_layout
from stackyard.oci.image import read_image
from stackyard.oci.store import Store


def test_a_layout_is_a_base(bring, store, root, rootfs, tmp_path) -> None:
    (root / "r.tar").write_bytes(rootfs)
    made = bring("rootfs", "r.tar")
    write_layout(store, {"toy": made.manifest}, root / "layout")
    other = Store.open(tmp_path / "other")
    lines: list[str] = []
    base = bring("oci", "layout", store=other, report=lines.append)
    assert base.digest == made.manifest.digest
    assert read_image(other, base.manifest).layers == read_image(store, made.manifest).layers
    assert lines
    lines.clear()
    assert bring("oci", "layout", store=other, report=lines.append) == base
    assert lines == []


def test_a_layout_for_another_platform(bring, store, root, rootfs) -> None:
    (root / "r.tar").write_bytes(rootfs)
    write_layout(store, {"toy": bring("rootfs", "r.tar").manifest}, root / "layout")
    with pytest.raises(InputError, match="linux/arm64"):
        bring("oci", "layout", platform="linux/arm64")
