"""What buildah keeps in the store's cache: parents that stay unpacked, and cache mounts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackyard.errors import OutsideError
from stackyard.oci.disk import disk
from stackyard.oci.leftovers import size_of
from stackyard.oci.scratch import has_mounts
from stackyard.oci.store import Store
from stackyard.system.buildah import KEPT_DAYS, open_buildah

FOLDER = "buildah"
_GONE = "buildah.gone-"


@dataclass(frozen=True, slots=True)
class Parent:
    """An unpacked image that steps stood on; `size` is what its removal alone gives back."""

    id: str
    size: int


def unused_parents(store: Store, days: float = KEPT_DAYS) -> list[Parent]:
    """The parents that no step stood on for some days.

    Raises:
        OutsideError: the disk is broken.
    """
    home = _home(store)
    before = time.time() - min(days, KEPT_DAYS) * 86400
    with disk(f"reading {home / 'used'}"):
        try:
            marks = sorted((home / "used").iterdir())
        except FileNotFoundError:
            return []
        old = [mark.name for mark in marks if mark.stat().st_mtime < before]
    sizes = _sizes(home / "storage", old)
    return [Parent(id_, sizes.get(id_, 0)) for id_ in old]


def remove_parents(store: Store, days: float = KEPT_DAYS) -> None:
    """Remove the parents that no step stood on for some days, while the store is held.

    Raises:
        OutsideError: buildah is not installed, or does not work here.
    """
    program = shutil.which("buildah")
    if program is None:
        raise OutsideError(
            "removing buildah's parents: buildah is not installed",
            hint="install it, or remove all that it keeps: stackyard prune --engine-storage",
        )
    with open_buildah(program, store) as engine:
        engine.tidy(min(days, KEPT_DAYS))


def storage_size(store: Store) -> int:
    """Bytes of all that buildah keeps, and of what an earlier removal left."""
    return sum(size_of(folder) for folder in (_home(store), *_leftovers(store)) if folder.is_dir())


def remove_storage(store: Store) -> None:
    """Remove all that buildah keeps, while the store is held; it is made anew when needed.

    Raises:
        OutsideError: something is mounted there, or it cannot be removed.
    """
    home = _home(store)
    with disk(f"removing {home}"):
        if home.is_dir():
            if has_mounts(home):
                raise OutsideError(
                    f"removing {home}: something is mounted in it",
                    hint=f"unmount what `grep {home} /proc/self/mountinfo` lists, then run again",
                )
            # Under another name at once: half a storage would be none to buildah.
            home.replace(home.with_name(f"{_GONE}{os.getpid()}"))
        for folder in _leftovers(store):
            _remove(folder)


def _home(store: Store) -> Path:
    return store.root / "cache" / FOLDER


def _leftovers(store: Store) -> list[Path]:
    return sorted((store.root / "cache").glob(f"{_GONE}*"))


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists() and os.geteuid():
        # Files of users that exist only in the namespace that buildah worked in.
        command = ["buildah", "unshare", "rm", "-rf", "--", str(folder)]
        subprocess.run(command, check=False, capture_output=True)
    if folder.exists():
        raise OutsideError(
            f"removing {folder}: not all of it could be removed",
            hint=f"as root: rm -rf {folder}",
        )


def _sizes(storage: Path, ids: list[str]) -> dict[str, int]:
    """What removing images, one after the other, gives back; read from buildah's own records."""
    images = {str(i.get("id")): str(i.get("layer", "")) for i in _records(storage, "images")}
    layers = {str(layer.get("id")): layer for layer in _records(storage, "layers")}
    in_use = [_chain(top, layers) for id_, top in images.items() if id_ not in ids]
    in_use += [_chain(str(c.get("layer", "")), layers) for c in _records(storage, "containers")]
    seen = {layer for chain in in_use for layer in chain}
    found = {}
    for id_ in ids:
        own = [layer for layer in _chain(images.get(id_, ""), layers) if layer not in seen]
        seen.update(own)
        found[id_] = sum(int(layers[layer].get("diff-size") or 0) for layer in own)
    return found


def _chain(top: str, layers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    chain: list[str] = []
    while top in layers and top not in chain:
        chain.append(top)
        top = str(layers[top].get("parent", ""))
    return chain


def _records(storage: Path, kind: str) -> list[dict[str, Any]]:
    """One of the lists of https://github.com/containers/storage, of whichever driver."""
    found: list[dict[str, Any]] = []
    for path in sorted(storage.glob(f"*-{kind}/{kind}.json")):
        try:
            found += [entry for entry in json.loads(path.read_bytes()) if isinstance(entry, dict)]
        except (OSError, ValueError, TypeError):
            continue
    return found
