"""The lock as values: what was resolved, for whom, and from which files.

Nothing here names a host: the same lock works behind any package index.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackyard.inventory.facts import PythonFacts


@dataclass(frozen=True)
class LockedBase:
    """One base for one platform, as it was found when locking.

    Attributes:
        source: the base as the stack file names it (``str(BaseSource)``).
        digest: what pins it. A manifest digest for images; for a Debian suite
            the digest of its list of packages and versions.
        python: its Python, None when it has none; the dists are constraints, and
            never installed again.
        layers: how many OCI layers it has; they count against the budget.
        debs: Debian package to version, for a Debian suite; else empty.
        measured: False when no base for this platform could be made on the
            locking machine and the facts are those of the same base for another
            platform; then `digest` is empty.
    """

    source: str
    digest: str
    python: PythonFacts | None
    layers: int = 1
    debs: Mapping[str, str] = field(default_factory=dict)
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel file: its name, its sha256 (hex, no prefix) and its size in bytes."""

    filename: str
    sha256: str
    size: int


Fork = tuple[str, ...]

UNFORKED: Fork = ("",)
"""The fork of an image that has none of the contradicting layers."""


def fork_of(closure: Collection[str], forked: Collection[str]) -> Fork:
    """The fork that an image is in: which of the contradicting layers it has.

    Args:
        closure: the image's layers.
        forked: `Resolution.forked`.
    """
    return tuple(sorted(set(closure) & set(forked))) or UNFORKED


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """A layer that needs a package.

    Attributes:
        layer: the layer.
        fork: empty for most: the need holds wherever the layer is. When
            contradicting layers made the resolver fork, the one fork (see
            `fork_of`) in which this need holds.
    """

    layer: str
    fork: Fork = ()

    def holds(self, closure: Collection[str], forked: Collection[str]) -> bool:
        """Whether this need brings its package into an image with these layers."""
        return self.layer in closure and (not self.fork or self.fork == fork_of(closure, forked))


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Which locked versions need not be kept: all of them, or some packages' by name."""

    everything: bool = False
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LockedPackage:
    """One version of one package in one variant.

    A package whose needs differ between platforms has an entry for each
    distinct set of needs; their wheels are for distinct platforms.

    Attributes:
        needs: every layer whose requirements reach it, not yet reduced.
        requires: names of the packages it depends on directly (normalised),
            without those that the base has.
        requested: a layer names it; it is not only somebody's dependency.
        wheels: platform to the one wheel that is installed there.
    """

    name: str
    version: str
    needs: tuple[Need, ...]
    wheels: Mapping[str, Wheel]
    requires: tuple[str, ...] = ()
    requested: bool = False


@dataclass(frozen=True)
class Resolution:
    """All that was resolved together: one variant's images on one bottom layer.

    Nearly every stack has one bottom layer, and so one resolution a variant. A
    stack with two (say a plain and a CUDA base) has one for each, because what a
    base brings, down to its Python, constrains only what stands on it.

    Attributes:
        base: the bottom layer's name.
        inputs: digest of everything that decided it; when the stack file gives
            another one, the lock is stale.
        asked: what `inputs` is the digest of, as JSON (see `inputs.asked`), so
            that staleness can be told in the stack file's words.
        bases: platform to what was found there.
        forked: the layers that contradict others which they never meet, sorted.
        packages: sorted by name, version, needs.
    """

    variant: str
    base: str
    inputs: str
    bases: Mapping[str, LockedBase]
    packages: tuple[LockedPackage, ...]
    forked: tuple[str, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lock:
    """The lock file: every resolution, by variant and bottom layer.

    Attributes:
        version: of the file's format.
    """

    resolutions: Mapping[tuple[str, str], Resolution]
    version: int = 1
