"""What both container engines are given: a Containerfile and what its steps read."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uv

_INSTALL = "/tools/uv pip install --system --break-system-packages --no-deps"
_TOOLS = "--mount=type=bind,source=tools,target=/tools"
_CACHE = "--mount=type=cache,target=/root/.cache/uv"


@dataclass(frozen=True)
class Recipe:
    """How an image is made by a container engine, the way people have it.

    uv, the certificates and the index settings are mounted and not copied, so
    that no layer has to carry them.

    Attributes:
        folder: the build context.
        base: the base image's reference.
        bytecode: whether uv compiles.
        warm: whether uv keeps its cache between builds, in a cache mount.
    """

    folder: Path
    base: str
    bytecode: bool
    warm: bool = False

    def prepare(self, settings: Mapping[str, str], certificates: Path | None) -> None:
        """Write what stays the same: uv, certificates, and index settings."""
        tools = self.folder / "tools"
        tools.mkdir(parents=True)
        shutil.copy(uv.find_uv_bin(), tools / "uv")
        lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
        if certificates:
            shutil.copyfile(certificates, tools / "ca.pem")
            lines.append("export SSL_CERT_FILE=/tools/ca.pem")
        if self.warm:
            lines.append("export UV_LINK_MODE=copy")  # a cache mount is another file system
        (tools / "settings").write_text("\n".join([*lines, ""]))

    def write(self, *requirements: Sequence[str]) -> None:
        """Write the Containerfile; each list of requirements gets a RUN of its own."""
        lines = [f"FROM {self.base}"]
        for number, names in enumerate(requirements, 1):
            file = f"requirements-{number}.txt"
            (self.folder / file).write_text("\n".join([*names, ""]))
            lines += [f"COPY {file} /tmp/{file}", self._run(f"/tmp/{file}")]  # noqa: S108
        (self.folder / "Containerfile").write_text("\n".join([*lines, ""]))

    def _run(self, file: str) -> str:
        flags = (" --compile-bytecode" if self.bytecode else "") + (
            "" if self.warm else " --no-cache"
        )
        mounts = f"{_TOOLS} {_CACHE}" if self.warm else _TOOLS
        return f"RUN {mounts} . /tools/settings && {_INSTALL}{flags} -r {file}"
