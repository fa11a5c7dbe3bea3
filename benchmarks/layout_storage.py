"""Storage that the layout needs for a directory of PEP 751 lock files.

Each lock file becomes one layer and one image. Of a package with several wheels (for
other processors, and rebuilds) the last one listed for x86-64 is taken.

    python benchmarks/layout_storage.py DIRECTORY [LIMIT]
"""

from __future__ import annotations

import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename

from stackyard.layout.arrange import arrange
from stackyard.layout.values import Item
from stackyard.lock.model import Need


def read_locks(directory: Path) -> tuple[list[Item], dict[str, frozenset[str]]]:
    """The wheels of a directory's lock files, and the images that they make."""
    wheels: dict[str, tuple[str, int]] = {}
    needs: dict[str, set[Need]] = {}
    images = {}
    for path in sorted(directory.glob("*.toml")):
        images[path.stem] = frozenset([path.stem])
        for package in tomllib.loads(path.read_text())["packages"]:
            if wheel := choose(package.get("wheels", [])):
                sha256 = wheel["hashes"]["sha256"]
                wheels[sha256] = (package["name"], wheel["size"])
                needs.setdefault(sha256, set()).add(Need(path.stem))
    items = [
        Item(sha256, name, size, frozenset(needs[sha256]))
        for sha256, (name, size) in wheels.items()
    ]
    return items, images


def choose(wheels: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The last wheel listed for x86-64; the last of all where there is none for it."""

    def fits(wheel: dict[str, Any]) -> bool:
        *_, tags = parse_wheel_filename(wheel["url"].rpartition("/")[2])
        return any(tag.platform.endswith(("x86_64", "any")) for tag in tags)

    return ([wheel for wheel in wheels if fits(wheel)] or wheels or [None])[-1]


def main() -> None:
    """Arrange, and print what it costs."""
    items, images = read_locks(Path(sys.argv[1]))
    limit = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    start = time.perf_counter()
    layout = arrange(items, images, {}, limit=limit)
    seconds = time.perf_counter() - start
    each = sum(item.size * len(item.needs) for item in items)
    stored = sum(group.size for group in layout.groups)
    print(f"{len(images)} images, {sum(len(i.needs) for i in items)} packages in them")
    print(f"{len(items)} distinct wheels in {len(layout.groups)} groups")
    print(f"stored {stored / 1e9:.2f} GB, {stored / each:.1%} of {each / 1e9:.2f} GB each its own")
    print(f"stored twice {layout.duplicated / 1e6:.1f} MB, for {len(layout.merged)} images")
    print(f"at most {max(map(len, layout.images.values()))} layers an image (limit {limit})")
    print(f"arranged in {seconds * 1000:.0f} ms")


if __name__ == "__main__":
    main()
