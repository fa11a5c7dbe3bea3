"""Bringing an image from an archive into the store: docker's kind, and an image layout's.

https://github.com/moby/docker-image-spec/blob/main/v1.2.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackyard.errors import InputError
from stackyard.oci.descriptor import CONFIG, LAYER_GZIP, LAYER_TAR, MANIFEST, Descriptor, Platform
from stackyard.oci.digest import hex_of, is_digest, sha256
from stackyard.oci.disk import disk
from stackyard.oci.documents import canonical, parse
from stackyard.oci.imports import import_layout
from stackyard.oci.platforms import fits
from stackyard.oci.store import MAX_DOCUMENT, Store
from stackyard.oci.tarfiles import TarFiles, open_tar

_GZIP = b"\x1f\x8b"
_BLOB = re.compile(r"blobs/sha256/[0-9a-f]{64}")
_LAYOUT = ("oci-layout", "index.json")
_MOST_CONFIGS = 4 * MAX_DOCUMENT


def import_oci_archive(
    store: Store, path: Path, platform: Platform, tag: str | None = None
) -> Descriptor:
    """Copy one platform's image out of an image layout in a tar archive; all is checked.

    Args:
        store: where it goes.
        path: the archive: plain, or compressed with gzip or xz.
        platform: which image, where there are several.
        tag: its reference name; None where the archive leaves no choice.

    Returns:
        The image's manifest, with its platform.

    Raises:
        InputError: there is no such archive, no such image in it, more than one, or
            it is broken or hostile.
        OutsideError: the disk failed.
    """
    with store.scratch() as scratch, open_tar(path, scratch) as files:
        if "oci-layout" not in files:
            raise _another_kind(path, files, "oci-archive", "docker-archive", "manifest.json")
        layout = scratch / "layout"
        for name in files.files:
            if name in _LAYOUT or _BLOB.fullmatch(name):
                _write(files, name, layout / name)
        try:
            return import_layout(store, layout, platform, tag)
        except InputError as error:
            told = error.message.replace(str(layout), str(path))
            raise InputError(told, hint=error.hint) from error


def import_docker_archive(
    store: Store, path: Path, platform: Platform, tag: str | None = None
) -> Descriptor:
    """Copy one image out of what ``docker save`` writes; all is checked.

    Its layers stay as they are, mostly not compressed, so the manifest, which docker's
    archives lack, is not the one that a registry has.

    Args, Returns, Raises: as `import_oci_archive`; *tag* is the whole name, with its tag.
    """
    with store.scratch() as scratch, open_tar(path, scratch) as files:
        if "manifest.json" not in files:
            raise _another_kind(path, files, "docker-archive", "oci-archive", "oci-layout")
        image = _choose(path, list(_images(files)), platform, tag)
        layers = [
            _layer(store, files, name, diff_id)
            for name, diff_id in zip(image.layers, image.diff_ids, strict=True)
        ]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": store.put(image.config, CONFIG).to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
        found = store.put(canonical(manifest), MANIFEST)
        return Descriptor(found.media_type, found.digest, found.size, platform=platform)


@dataclass(frozen=True, slots=True)
class _Image:
    """An image of a docker archive; *layers* are names of files in it."""

    names: tuple[str, ...]
    platform: Platform
    config: bytes
    layers: tuple[str, ...]
    diff_ids: tuple[str, ...]


def _images(files: TarFiles) -> Iterator[_Image]:
    try:
        # The document is a list, which `parse` does not take alone.
        entries = parse(b'{"images":' + files.read("manifest.json", MAX_DOCUMENT) + b"}")["images"]
        room = _MOST_CONFIGS
        for entry in entries:
            room -= files.size(str(entry["Config"]))
            if room < 0:
                raise ValueError(f"its images' configs are longer than {_MOST_CONFIGS} bytes")
            yield _image(files, entry)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        said = repr(error) if isinstance(error, KeyError) else str(error)
        raise files.broken(f"its documents are broken: {said}") from error


def _image(files: TarFiles, entry: dict[str, Any]) -> _Image:
    name = str(entry["Config"])
    data = files.read(name, MAX_DOCUMENT)
    claimed = f"sha256:{Path(name).name.removesuffix('.json')}"
    if is_digest(claimed) and sha256(data) != claimed:
        raise ValueError(f"the content of {name} is not what its digest says")
    config = parse(data)
    diff_ids = tuple(str(digest) for digest in config["rootfs"]["diff_ids"])
    layers = tuple(str(layer) for layer in entry["Layers"])
    if len(layers) != len(diff_ids):
        raise ValueError(f"{len(layers)} layers, of which {name} names {len(diff_ids)}")
    tags = tuple(str(tag) for tag in entry.get("RepoTags") or ())
    return _Image(tags, Platform.from_json(config), data, layers, diff_ids)


def _choose(path: Path, images: Sequence[_Image], platform: Platform, tag: str | None) -> _Image:
    doing = f"reading the archive {path}"
    names = sorted({name for image in images for name in image.names})
    choice = f"name one of: {', '.join(names)}" if names else "its images have no names"
    if tag is not None:
        images = [image for image in images if tag in image.names]
        if not images:
            raise InputError(f"{doing}: no image is named {tag!r}", hint=choice)
    fitting = [image for image in images if fits(platform, image.platform)]
    if not fitting:
        offered = ", ".join(sorted({str(image.platform) for image in images})) or "nothing"
        raise InputError(
            f"{doing}: there is no image for {platform}", hint=f"it has images for: {offered}"
        )
    if len(fitting) > 1:
        raise InputError(f"{doing}: there are {len(fitting)} images for {platform}", hint=choice)
    return fitting[0]


def _layer(store: Store, files: TarFiles, name: str, diff_id: str) -> Descriptor:
    """A layer's blob: its archive as it is, compressed or not."""
    size = files.size(name)
    try:
        hex_of(diff_id)
    except ValueError as error:
        raise files.broken(str(error)) from error
    if _held(store, diff_id, size):
        return Descriptor(LAYER_TAR, diff_id, size)
    with store.writer() as writer:
        start = b""
        for piece in files.pieces(name):
            start = start or piece[: len(_GZIP)]
            writer.write(piece)
        if start == _GZIP:
            return writer.commit(LAYER_GZIP)
        if writer.digest != diff_id:
            raise files.broken(f"the content of the layer {name} is not what its digest says")
        return writer.commit(LAYER_TAR)


def _held(store: Store, digest: str, size: int) -> bool:
    return store.has(digest) and store.blob_path(digest).stat().st_size == size


def _write(files: TarFiles, name: str, path: Path) -> None:
    with disk(f"writing {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            for piece in files.pieces(name):
                out.write(piece)


def _another_kind(path: Path, files: TarFiles, kind: str, other: str, sign: str) -> InputError:
    return InputError(
        f"reading the archive {path}: it is no {kind}",
        hint=f"say {other}:{path}"
        if sign in files
        else "name a file such as docker save or skopeo copy writes",
    )
