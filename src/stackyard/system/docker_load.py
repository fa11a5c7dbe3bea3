"""Giving docker a parent: an image of its own, without a registry in between."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from stackyard.oci.store import Store
from stackyard.system.dirimage import config_document
from stackyard.system.docker_archive import layer_file, parent_archive
from stackyard.system.docker_errors import explained
from stackyard.system.engine import Hear, Job
from stackyard.system.spawn import run_engine


def load_parent(
    program: str, env: Mapping[str, str], store: Store, job: Job, name: str, hear: Hear
) -> None:
    """Give a job's parent to the daemon, with only those layers that it lacks.

    The daemon looks for each layer by what is in it and below it, and opens the
    archive's file only for one that it does not have, from the bottom:
    https://github.com/moby/moby/blob/v20.10.24/image/tarexport/load.go

    Args:
        program: docker's.
        env: its environment.
        store: has the layers' blobs.
        job: whose parent, and how long it may take.
        name: that the image gets, with a tag.
        hear: told what docker says when it fails.

    Raises:
        OutsideError: the daemon is not well, hangs or is full, or a blob is missing.
    """
    config, layers = config_document(job.parent), job.parent.layers
    first = len(layers)
    while True:
        pieces = parent_archive(store, name, config, layers, first)
        lines: list[str] = []
        code = _load(program, env, pieces, lines, job.timeout)
        if code == 0:
            return
        if first == 0:
            for line in lines:
                hear(line)
            raise explained("load", code, lines)
        text = "\n".join(lines)
        # Where it is not told which layer was missed, all go in.
        first = min((i for i in range(first) if layer_file(layers[i]) in text), default=0)


def _load(
    program: str, env: Mapping[str, str], pieces: Iterator[bytes], lines: list[str], timeout: float
) -> int:
    """Run ``docker load``; its exit code."""
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1) as pool:
        # Closed before the writer is waited for, who may be stuck in a full pipe.
        with os.fdopen(reading, "rb") as source:
            written = pool.submit(_write, pieces, writing)
            code = run_engine(
                [program, "load", "--quiet"],
                env=env,
                hear=lines.append,
                timeout=timeout,
                doing="docker load",
                stdin=source,
            )
        written.result()
    return code


def _write(pieces: Iterator[bytes], descriptor: int) -> None:
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as out:
        for piece in pieces:
            out.write(piece)
