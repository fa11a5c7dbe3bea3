"""What worker processes do. Everything here is called by name in another process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from stackyard.build.caches import packed_wheels
from stackyard.build.results import Made, blob_sizes
from stackyard.inventory.filesystem import read_files
from stackyard.oci.image import read_image
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.pack.accounts import pack_accounts
from stackyard.pack.basefiles import read_skel, read_user_db
from stackyard.pack.compiler import Compiler
from stackyard.pack.files import Folder, pack_files
from stackyard.pack.group import pack_group
from stackyard.pack.segment import Segment, pack_segment
from stackyard.pack.task import WheelTask
from stackyard.stack.values import FileEntry, User
from stackyard.system.base import PreparedBase

E = TypeVar("E", bound=Executor)


@contextmanager
def processes(jobs: int, *, begin: bool) -> Iterator[ProcessPoolExecutor]:
    """A pool of worker processes that ends with the block, however it ends.

    The fork server is started from a clean process: a fork of ours, which has
    threads, could inherit a lock that nobody will release.

    Args:
        jobs: how many processes.
        begin: start them at once, because there will be work; else with the first task.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_worker)
    with ending(pool):
        if begin:
            # They import what they need while the first wheels come.
            pool.submit(_begin_early)
        yield pool


@contextmanager
def ending(pool: E) -> Iterator[E]:
    """A pool that ends with the block, and is not waited for when that is broken off."""
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _begin_worker() -> None:
    # Ctrl-C reaches the whole process group; the driving process decides what stops.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _begin_early() -> None:
    """Nothing to do: the first task starts all workers."""


def _end_with_parent() -> None:
    # Workers keep the fork server alive and it them, so none of them would see
    # that the driving process was killed.
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def make_segment(store: Store, task: WheelTask, wheel: Path, compiler: Compiler | None) -> Segment:
    """Pack one wheel."""
    return pack_segment(task, wheel, packed_wheels(store), compiler)


def make_group(store: Store, segments: Sequence[Segment]) -> Made:
    """Put the segments of a group together."""
    return Made(layers=(pack_group(store, segments),))


def make_files(
    store: Store, root: Path, entries: Sequence[FileEntry], folders: Mapping[str, Folder]
) -> Made:
    """Pack a layer's own files."""
    return Made(layers=(pack_files(store, root, entries, folders),))


def make_accounts(store: Store, below: Sequence[Layer], users: Sequence[User]) -> Made:
    """Make accounts on layers."""
    files = read_files(store, below)
    return Made(layers=(pack_accounts(store, read_user_db(files), users, read_skel(files)),))


def base_result(store: Store, base: PreparedBase) -> Made:
    """A base as a step's result."""
    image = read_image(store, base.manifest)
    return Made(layers=image.layers, manifest=base.manifest, blobs=blob_sizes(store, base.manifest))
