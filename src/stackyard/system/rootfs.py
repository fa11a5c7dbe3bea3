"""Root file systems in tar files as bases."""

from __future__ import annotations

from datetime import UTC, datetime

from stackyard.errors import InputError
from stackyard.inventory.interpreter import DEFAULT_PATH
from stackyard.oci.assemble import assemble
from stackyard.oci.decompress import reader
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.disk import disk
from stackyard.oci.documents import canonical
from stackyard.oci.image import History, RuntimeConfig
from stackyard.oci.layer import layer_from_tar
from stackyard.oci.store import Store
from stackyard.oci.tar import TarEntry
from stackyard.oci.verify import hash_file
from stackyard.system.archive import rewritten
from stackyard.system.prepared import PreparedBase, Report, Request
from stackyard.system.within import within

LASTS = True
"""The key holds the file's contents, so what was made of it once stays right."""

_ZSTD = b"\x28\xb5\x2f\xfd"
_CREATED = datetime(1980, 1, 1, tzinfo=UTC)
_FORMAT = 1  # another number when the same file comes to give another image


def key(request: Request) -> str:
    """What tells this base from others, as 64 hex digits.

    Raises:
        InputError: there is no such file inside the stack's folder.
        OutsideError: it cannot be read.
    """
    path = within(request.root, request.source.value)
    if not path.is_file():
        raise InputError(
            f"reading the base {request.source}: it is no file",
            hint="rootfs names a tar file; an image layout directory is {oci: DIR}",
        )
    with disk(f"reading {path}"), path.open("rb") as file:
        digest = hash_file(file)
    return hex_of(sha256(canonical(["rootfs", digest, str(request.platform), _FORMAT])))


def make(request: Request, store: Store, report: Report) -> PreparedBase:
    """Bring the file into the store as an image of one layer.

    Raises:
        InputError: it is no tar archive, cut off, or has hostile names.
        OutsideError: it cannot be read, or the store cannot be written.
    """
    path = within(request.root, request.source.value)
    doing = f"reading the base {request.source}"
    report(f"{request.source} ({request.platform}): reading it")
    with disk(f"reading {path}"), path.open("rb") as file:
        if file.read(len(_ZSTD)) == _ZSTD:
            raise InputError(
                f"{doing}: it is compressed with zstd, which is not read",
                hint=f"decompress it (zstd -d {path.name}), or use gzip or xz",
            )
        file.seek(0)
        layer = layer_from_tar(store, rewritten(reader(file), _as_it_is, doing))
    manifest = assemble(
        store,
        platform=request.platform,
        layers=[(layer, History(str(request.source), "stackyard"))],
        config=RuntimeConfig(env={"PATH": DEFAULT_PATH}),
        annotations={},
        created=_CREATED,
    )
    return PreparedBase(manifest, manifest.digest)


def _as_it_is(entry: TarEntry) -> tuple[TarEntry, None]:
    return entry, None
