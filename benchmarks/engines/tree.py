"""A stack of Dockerfiles, as Jupyter's own images are organised, and its stack file."""

from __future__ import annotations

from pathlib import Path

BASE = "base"
"""The layer at the bottom, a Debian suite."""

PARENTS = {
    "foundation": BASE,
    "minimal": "foundation",
    "compilers": "foundation",
    "java": "foundation",
    "scipy": "minimal",
    "r": "minimal",
    "julia": "compilers",
    "spark": "java",
    "tensorflow": "scipy",
    "pytorch": "scipy",
    "geo": "scipy",
    "tidyverse": "r",
}
"""Each image and what it stands on, parents first: 1, 3, 4 and 4, so 4 deep."""

ROOT, LEAF = "foundation", "tidyverse"

_SUITE = "bookworm"
_DOCKERFILE = """\
ARG BASE_IMAGE
FROM $BASE_IMAGE
ARG RELEASE=1
ENV {upper}_HOME=/opt/{name} {upper}_RELEASE=$RELEASE
COPY files/ /opt/{name}/
RUN mkdir /opt/{name}/share && \\
    cp /usr/share/common-licenses/* /opt/{name}/share/ && \\
    sha256sum /opt/{name}/share/* > /opt/{name}/share.sha256
RUN dpkg-query --show > /opt/{name}/packages
LABEL images.{name}="$RELEASE"
"""
_FILES = 10


class Tree:
    """A folder with a Dockerfile and its files for each image.

    Args:
        folder: does not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        for name in PARENTS:
            files = self.context(name) / "files"
            files.mkdir(parents=True)
            text = _DOCKERFILE.format(name=name, upper=name.upper())
            (self.context(name) / "Dockerfile").write_text(text)
            for number in range(_FILES):
                (files / f"{number}.conf").write_text(f"# {name} {number}\n" * 100)
        self.stack_file.write_text(_stack_file())

    @property
    def stack_file(self) -> Path:
        """Of Stackyard."""
        return self._folder / "stackyard.yaml"

    def context(self, name: str) -> Path:
        """Where an image's Dockerfile and files are."""
        return self._folder / "images" / name

    def change(self, name: str, number: int) -> None:
        """Change a file that an image copies; a new *number* is a new content."""
        (self.context(name) / "files" / "changed.conf").write_text(f"{number}\n")


def above(name: str) -> set[str]:
    """An image and all that stand on it."""
    return {name}.union(*(above(child) for child, parent in PARENTS.items() if parent == name))


def _stack_file() -> str:
    lines = ["layers:", f"  {BASE}: {{from: {{debian: {_SUITE}}}}}"]
    for name, parent in PARENTS.items():
        lines.append(f"  {name}: {{on: {parent}, containerfile: images/{name}/Dockerfile}}")
    lines.append("images:")
    lines += [f"  {name}: {{layers: [{name}]}}" for name in (BASE, *PARENTS)]
    return "\n".join([*lines, ""])
