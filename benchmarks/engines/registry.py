"""Debian's docker-registry on a loopback port, and what was pushed to it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isal import igzip

from engines.programs import daemon

REPOSITORY = "hub/notebook"
BASE_TAG = "base"

_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {data}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
_DIST = re.compile(r"(?:^|/)([^/]+)-([^/-]+)\.dist-info/METADATA$")


class Registry:
    """One registry address whose data can be set back to hold the base image only.

    Args:
        folder: an empty folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"

    @property
    def repository(self) -> str:
        """Where every side pushes to."""
        return f"{self.host}/{REPOSITORY}"

    @property
    def base(self) -> str:
        """The base image's reference."""
        return f"{self.repository}:{BASE_TAG}"

    @contextmanager
    def serving(self, *, keep: bool = False) -> Iterator[None]:
        """Serve, from the base image alone, or (`keep`) what is pushed now as base image."""
        data = self._folder / ("template" if keep else "data")
        if not keep:
            shutil.rmtree(data, ignore_errors=True)
            shutil.copytree(self._folder / "template", data)
        config = self._folder / "config.yml"
        config.write_text(_CONFIG.format(data=data, port=self.host.rpartition(":")[2]))
        answers = f"import urllib.request as u; u.urlopen('http://{self.host}/v2/')"
        with daemon(
            ["docker-registry", "serve", config],
            ready=[sys.executable, "-c", answers],
            log=self._folder / "log",
        ):
            yield

    def tags(self) -> list[str]:
        """The tags of the repository."""
        with self._get("tags/list") as answer:
            return sorted(json.load(answer)["tags"])

    def contents(self, tag: str) -> Contents:
        """What is in a pushed image, read from its layers."""
        with self._get(f"manifests/{tag}") as answer:
            layers = json.load(answer)["layers"]
        dists: set[str] = set()
        pyc = 0
        for layer in layers:
            with (
                self._get(f"blobs/{layer['digest']}") as blob,
                # Not "r|gz": that reads only the first of several gzip members.
                igzip.IGzipFile(fileobj=blob) as plain,
                tarfile.open(fileobj=plain, mode="r|") as tar,
            ):
                for member in tar:
                    pyc += member.name.endswith(".pyc")
                    if found := _DIST.search(member.name):
                        dists.add(f"{_normal(found[1])}=={found[2]}")
        size = sum(layer["size"] for layer in layers)
        return Contents(frozenset(dists), pyc, len(layers), size)

    def _get(self, path: str) -> Any:
        url = f"http://{self.host}/v2/{REPOSITORY}/{path}"
        return urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": _MANIFESTS}))


@dataclass(frozen=True)
class Contents:
    """What an image holds.

    Attributes:
        dists: ``name==version`` of each Python distribution, names normalised.
        pyc: how many compiled files.
        layers: how many, the base's included.
        size: bytes of all layers, compressed.
    """

    dists: frozenset[str]
    pyc: int
    layers: int
    size: int


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
