"""The stack file as it is written: one pydantic model for each mapping.

The models check shapes and single values, and give the JSON Schema. Templates
and conditions are done before; names that refer to others, and paths, after.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from stackyard.stack.basemodel import Source
from stackyard.stack.document import ScalarNode
from stackyard.stack.fields import (
    Account,
    Budget,
    Caches,
    Command,
    Duration,
    Labels,
    Mode,
    OneOrMany,
    Owner,
    Packages,
    Platforms,
    Registry,
    Retries,
    Secrets,
    Snapshot,
    Suite,
    Templated,
    Test,
)
from stackyard.stack.leaf import (
    WHEN_SCHEMA,
    ArgumentName,
    Boolean,
    Conditional,
    Emptiable,
    EnvironmentName,
    Free,
    Name,
    Text,
    Uid,
    VariableName,
    Words,
)
from stackyard.stack.profilesource import (
    ChoiceSource,
    ProfileOptions,
    ProfileOptionSource,
    ProfileSource,
    UnlistedChoiceSource,
)


def _with_when(schema: dict[str, Any]) -> None:
    schema["properties"]["when"] = WHEN_SCHEMA


def _or_reference(schema: dict[str, Any]) -> None:
    kinds = [name for name in schema["properties"] if name != "snapshot"]
    written = {
        "oneOf": [{"required": [name]} for name in kinds],
        "dependentRequired": {"snapshot": ["debian"]},
        **schema,
    }
    schema.clear()
    schema["anyOf"] = [{"type": "string", "description": "An image reference."}, written]


class FromSource(Source):
    """Where a bottom layer's root file system comes from: exactly one of these."""

    model_config = ConfigDict(json_schema_extra=_or_reference)

    debian: Suite | None = None
    """A Debian suite, bootstrapped by mmdebstrap with the layer's `apt` packages."""
    snapshot: Snapshot | None = None
    """The state of Debian's archive that the suite is held to: a time, or a date."""
    rootfs: Words | None = None
    """A tar file of a root file system, relative to this file."""
    oci: Words | None = None
    """A directory that is an OCI image layout, relative to this file."""
    registry: Words | None = None
    """An image reference; writing just the reference means the same."""

    @model_validator(mode="before")
    @classmethod
    def _reference(cls, node: Any) -> Any:
        written = isinstance(node, ScalarNode) and node.value is not None
        return {"registry": node} if written else node

    @model_validator(mode="after")
    def _exactly_one(self) -> FromSource:
        if len(self.model_fields_set - {"snapshot"}) != 1:
            raise PydanticCustomError(
                "refused", "expected exactly one of debian, rootfs, oci, or a reference"
            )
        if self.snapshot is not None and self.debian is None:
            raise PydanticCustomError("refused", "a snapshot is of a Debian suite: give debian")
        return self


class UserSource(Source):
    """The account that the image runs as; made in the image."""

    name: Account
    """The account's name."""
    uid: Uid
    """Numeric user id."""
    gid: Uid | None = None
    """Numeric group id; the same as `uid` unless given."""
    home: Words | None = None
    """Home directory; `/home/NAME` unless given."""
    shell: Words = "/bin/bash"
    """Login shell."""


class HealthcheckSource(Source):
    """How the engine finds out that a container is well."""

    test: Test
    """A command as a list, or one text that runs in a shell. `[NONE]` turns the base's off."""
    interval: Duration | None = None
    """Between two checks."""
    timeout: Duration | None = None
    """Of one check."""
    start_period: Duration | None = None
    """In which failures do not count."""
    retries: Retries | None = None
    """Failures in a row that mean unhealthy."""


class FilesSource(Source):
    """A file or directory of the project that goes into the image."""

    model_config = ConfigDict(json_schema_extra=_with_when)

    source: Words = Field(alias="from")
    """Path of the file or directory, relative to this file."""
    to: Words
    """Absolute path in the image; with a `/` at the end, the directory a file goes into."""
    mode: Mode | None = None
    """Permissions of files in octal; else 0755 for executables and 0644 for others."""
    owner: Owner = (0, 0)
    """Numeric `uid:gid`; root unless given."""


class LayerSource(Source):
    """A named, reusable set of requirements and steps."""

    on: OneOrMany = Field(default_factory=list)
    """The layers it stands on."""
    base: FromSource | None = Field(default=None, alias="from")
    """The root file system, for a bottom layer."""
    folder: Words | None = None
    """The layer's own folder, relative to this file; `layers/NAME` when that is there."""
    apt: Packages = Field(default_factory=list)
    """Debian packages."""
    pip: OneOrMany = Field(default_factory=list)
    """Python requirements; one text is the path of a requirements file."""
    env: dict[EnvironmentName, Text] = Field(default_factory=dict)
    """Environment variables."""
    user: UserSource | None = None
    workdir: Words | None = None
    """Working directory."""
    entrypoint: Command | None = None
    """Entry point as a list; one text runs in `/bin/sh -c`."""
    cmd: Command | None = None
    """Default command as a list; one text runs in `/bin/sh -c`."""
    labels: Labels = Field(default_factory=dict)
    """Labels of the image's config."""
    healthcheck: HealthcheckSource | None = None
    files: Annotated[list[FilesSource], Conditional()] = Field(default_factory=list)
    """Files of the project that go into the image."""
    run: OneOrMany = Field(default_factory=list)
    """Shell commands before the packages; they need a container engine."""
    containerfile: Words | None = None
    """Path of a Containerfile, a template if it ends in `.j2`; it needs a container engine."""
    args: dict[ArgumentName, Text] = Field(default_factory=dict)
    """Build arguments of the Containerfile."""
    finish: OneOrMany = Field(default_factory=list)
    """Shell commands after the packages; they need a container engine."""
    test: OneOrMany = Field(default_factory=list)
    """Shell commands that must succeed in the finished image."""
    cache: Caches = Field(default_factory=list)
    """Directories that `run` and `finish` keep between builds."""
    secrets: Secrets = Field(default_factory=list)
    """Names of secrets that `run`, `containerfile` and `finish` may read."""


class ImageSource(Source):
    """A named stack of layers."""

    layers: OneOrMany = Field(min_length=1)
    """Its layers; those that they stand on come along."""
    variants: OneOrMany | None = None
    """The variants it is built for, the default first; all unless given."""
    profile: ProfileSource | None = None
    labels: Labels = Field(default_factory=dict)
    """Labels of the image's config, over those of its layers."""


LayerT = TypeVar("LayerT")
ImageT = TypeVar("ImageT")
Variables = dict[VariableName, Free]


class Fragment(Source, Generic[LayerT, ImageT]):
    """What an included file can hold."""

    sections: ClassVar[tuple[str, ...]] = ("vars", "variants", "layers", "images")

    include: OneOrMany = Field(default_factory=list)
    """Files to include, as globs relative to this file."""
    vars: Annotated[Variables, Emptiable()] = Field(default_factory=dict)
    """Variables that templates see."""
    variants: dict[Name, Annotated[Variables, Emptiable()]] = Field(default_factory=dict)
    """Named sets of variable values; an image is built once for each of its variants."""
    layers: Annotated[dict[Name, LayerT], Emptiable()] = Field(default_factory=dict)
    """Layers by name."""
    images: Annotated[dict[Name, ImageT], Emptiable()] = Field(default_factory=dict)
    """Images by name."""


class StackSource(Fragment[LayerT, ImageT], Generic[LayerT, ImageT]):
    """The stack file of Stackyard: the user images of a JupyterHub, in layers."""

    own: ClassVar[frozenset[str]] = frozenset({"registry", "platforms", "layer_budget", "bytecode"})
    """Keys whose templates see the common variables."""
    shared: ClassVar[str] = "profile_options"
    """The key that is read with each image, and sees that image's variables."""

    registry: Registry | None = None
    """Prefix of all image names, such as ghcr.io/acme/hub."""
    platforms: Platforms = Field(default_factory=lambda: ["linux/amd64"])
    """What each image is built for."""
    layer_budget: Budget = 60
    """Most OCI layers that one image may have."""
    bytecode: Boolean = True
    """Whether Python packages get compiled bytecode."""
    tags: Templated | None = None
    """More tags of published images, as templates that see what is inside."""
    profile_options: ProfileOptions = Field(default_factory=dict)
    """Options that each profile has, unless it has its own with that key."""


KNOWN: dict[str, type[Source]] = {
    "from": FromSource,
    "user": UserSource,
    "healthcheck": HealthcheckSource,
    "files": FilesSource,
    "profile": ProfileSource,
    "profile_options": ProfileOptionSource,
    "choices": ChoiceSource,
    "unlisted_choice": UnlistedChoiceSource,
}
"""The models of mappings inside layers and images, by their key."""
