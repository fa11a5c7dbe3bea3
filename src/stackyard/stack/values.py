"""A stack as it is after reading: variables filled in, names checked, frozen.

Everything downstream of `stack` works on these values and never sees YAML,
Jinja or pydantic. A platform is its name in Go's words, such as ``linux/amd64``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from stackyard.errors import Position


@dataclass(frozen=True, slots=True)
class BaseSource:
    """Where the bottom layer's root file system comes from.

    Attributes:
        kind: ``debian`` (a suite for mmdebstrap), ``rootfs`` (a tar file),
            ``oci`` (an image layout directory) or ``registry`` (a reference).
        value: the suite, the reference, or the path relative to the stack's root.
        snapshot: of a suite: the state of Debian's archive that it is held to, as
            snapshot.debian.org writes it (``20260115T000000Z``); empty for today's.
    """

    kind: Literal["debian", "rootfs", "oci", "registry"]
    value: str
    snapshot: str = ""

    def __str__(self) -> str:
        told = self.value if self.kind == "registry" else f"{self.kind} {self.value}"
        return f"{told} at {self.snapshot}" if self.snapshot else told


@dataclass(frozen=True, slots=True)
class User:
    """The account that the image runs as."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str = "/bin/bash"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file or directory of the project that goes into the image.

    Attributes:
        source: path relative to the stack's root, in POSIX form; inside it.
        target: absolute, normalised path in the image.
        mode: permission bits for files, or None to keep the source's
            executable bit (0644 or 0755).
        uid, gid: the owner; 0 unless told.
    """

    source: str
    target: str
    mode: int | None = None
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """Docker's health check; durations in seconds."""

    test: tuple[str, ...]
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    retries: int | None = None


@dataclass(frozen=True, slots=True)
class Containerfile:
    """Instructions of a layer, run on what the layer stands on.

    Attributes:
        path: the file, relative to the stack's root; its folder is the context.
        text: its instructions, a template rendered, anything else as it stands.
        parent: the build argument that its last stage is ``FROM``, and which takes
            the digest of what it stands on.
        args: other build arguments.
    """

    path: str
    text: str
    parent: str = "BASE_IMAGE"
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    """One layer, rendered for one variant.

    Attributes:
        on: names of the layers it stands directly on, as written.
        base: set on a bottom layer only. A layer on nothing without a base can
            be put into any image beside others.
        apt: Debian packages; see `bootstrapped`.
        pip: PEP 508 requirements in the order written.
        containerfile: runs after the layer's `apt`.
        run: shell commands, after the layer's `containerfile`, before all packages.
        script: a shell script that runs after `run`, relative to the stack's root;
            it sees its own folder.
        finish: shell commands when all packages and files are there.
        cache: absolute directories that `run`, `script` and `finish` keep between builds.
        secrets: names of secrets that those and the Containerfile may read.
    """

    name: str
    on: tuple[str, ...]
    where: Position
    base: BaseSource | None = None
    apt: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: User | None = None
    workdir: str | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    healthcheck: Healthcheck | None = None
    files: tuple[FileEntry, ...] = ()
    containerfile: Containerfile | None = None
    run: tuple[str, ...] = ()
    script: str | None = None
    finish: tuple[str, ...] = ()
    cache: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    @property
    def bootstrapped(self) -> tuple[str, ...]:
        """The `apt` that comes with a Debian base; any other `apt` takes a container engine."""
        return self.apt if self.base and self.base.kind == "debian" else ()


@dataclass(frozen=True)
class Choice:
    """One choice of a profile's option, in the words of KubeSpawner's `profile_options`."""

    display_name: str
    default: bool = False
    kubespawner_override: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class UnlistedChoice:
    """What a user may type in place of a choice; ``{value}`` in the override is that text.

    Attributes:
        display_name: what the text field is called.
        display_name_in_choices: what the choice that opens the field is called.
        validation_regex: must match all of the text; any text will do when empty.
        validation_message: tells users what is expected.
    """

    display_name: str
    display_name_in_choices: str = ""
    validation_regex: str = ""
    validation_message: str = ""
    kubespawner_override: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ProfileOption:
    """What users choose beside an image, such as its resources.

    Attributes:
        display_name: empty where it may be: for the option ``image``.
        choices: by key; the first is the default unless one is marked.
    """

    display_name: str = ""
    choices: Mapping[str, Choice] = field(default_factory=dict)
    unlisted_choice: UnlistedChoice | None = None


@dataclass(frozen=True)
class Profile:
    """How an image is offered on the hub's spawn page (rendered for one variant).

    Attributes:
        slug: the image's name when None.
        profile_options: by key; ``image`` is the option that Stackyard fills with the
            image's versions.
        variants: whether the image's variants are choices of one profile, or a profile each.
        choice_name: what the choice of this variant is called; empty for the variant's name.
        previous_versions: how many versions that were published before stay selectable.
        places: where each key of the profile stands, by its path of keys.
    """

    display_name: str
    description: str = ""
    default: bool = False
    slug: str | None = None
    kubespawner_override: Mapping[str, Any] = field(default_factory=dict)
    profile_options: Mapping[str, ProfileOption] = field(default_factory=dict)
    variants: Literal["choices", "profiles"] = "choices"
    choice_name: str = ""
    previous_versions: int = 0
    places: Mapping[tuple[str, ...], Position] = field(default_factory=dict, compare=False)

    def place(self, *path: str) -> Position | None:
        """Where a key stands, or the nearest one above it; None when nothing is known."""
        steps = range(len(path), -1, -1)
        return next((self.places[path[:n]] for n in steps if path[:n] in self.places), None)


@dataclass(frozen=True)
class Image:
    """A named stack of layers, for one variant.

    Attributes:
        layers: the layers as written.
        closure: those and all that they stand on, in stacking order: a layer
            comes after every layer that it stands on, ties by name, each once.
        base: the one layer of the closure that has a base (``from:``).
    """

    name: str
    layers: tuple[str, ...]
    closure: tuple[str, ...]
    base: str
    where: Position
    profile: Profile | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """Everything that a set of variable values decides.

    Attributes:
        layers: every layer that an image of this variant uses, in stacking
            order, rendered with this variant's variables.
        images: only the images that are built for this variant.
        python: the minor version the variant asks for (its variable
            ``python``), or None when it takes what the base has.
    """

    name: str
    variables: Mapping[str, Any]
    layers: Mapping[str, Layer]
    images: Mapping[str, Image]
    python: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One image, one variant, one platform: what is actually built."""

    image: str
    variant: str
    platform: str

    def __str__(self) -> str:
        return f"{self.image}:{self.variant}"


@dataclass(frozen=True)
class Stack:
    """The whole stack file.

    Attributes:
        path: the stack file; `root` is its folder, which no path may leave.
        registry: the prefix of all image names (``ghcr.io/acme/hub``), or None.
        platforms: what each image is built for.
        variants: in the order written; never empty (``default`` when none is given).
        image_variants: for each image, in the order written, its variants' names in
            order; the first is the image's default variant.
        layer_budget: most OCI layers that an image may have.
        bytecode: whether packages get compiled bytecode where possible.
        tags: templates of tags that published images get, not yet rendered; None where
            the stack file says nothing.
    """

    path: Path
    root: Path
    registry: str | None
    platforms: tuple[str, ...]
    variants: Mapping[str, Variant]
    image_variants: Mapping[str, tuple[str, ...]]
    layer_budget: int = 60
    bytecode: bool = True
    tags: tuple[str, ...] | None = None

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Every target, by image, then variant, then platform, as written."""
        return tuple(
            Target(image, variant, platform)
            for image, variants in self.image_variants.items()
            for variant in variants
            for platform in self.platforms
        )

    def image(self, target: Target) -> Image:
        """The image of a target, rendered for the target's variant."""
        return self.variants[target.variant].images[target.image]
