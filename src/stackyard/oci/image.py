"""Images as values, and reading them from the store.

https://github.com/opencontainers/image-spec/blob/main/config.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackyard.errors import InputError
from stackyard.oci.descriptor import DOCKER_MANIFEST, MANIFEST, Descriptor, Platform
from stackyard.oci.documents import parse
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.unpacked import measure


@dataclass(frozen=True)
class RuntimeConfig:
    """How an image is run.

    Attributes:
        env: in order.
        user: ``name``, ``uid`` or ``uid:gid``; empty for root.
        entrypoint, cmd: None when not given, which is not the same as empty.
        healthcheck: docker's JSON object (durations in nanoseconds).
        exposed_ports: such as ``8888/tcp``.
        shell, on_build: what a Dockerfile that stands on the image goes by; docker's,
            https://github.com/moby/docker-image-spec/blob/main/specs-go/v1/image.go
    """

    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    healthcheck: Mapping[str, Any] | None = None
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    shell: tuple[str, ...] | None = None
    on_build: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The config's ``config`` object."""
        out: dict[str, Any] = {
            "User": self.user,
            "WorkingDir": self.workdir,
            "Env": [f"{key}={value}" for key, value in self.env.items()],
            "Labels": dict(self.labels),
            "ExposedPorts": {port: {} for port in self.exposed_ports},
            "Volumes": {volume: {} for volume in self.volumes},
            "StopSignal": self.stop_signal,
            "Healthcheck": dict(self.healthcheck) if self.healthcheck else None,
            "Shell": list(self.shell or ()),
            "OnBuild": list(self.on_build),
        }
        out = {key: value for key, value in out.items() if value}
        if self.entrypoint is not None:
            out["Entrypoint"] = list(self.entrypoint)
        if self.cmd is not None:
            out["Cmd"] = list(self.cmd)
        return out

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RuntimeConfig:
        """Read a config's ``config`` object.

        Raises:
            TypeError, ValueError, AttributeError: it is none.
        """
        env = (str(item).partition("=") for item in value.get("Env") or ())
        return cls(
            env={key: text for key, _, text in env if key},
            user=str(value.get("User") or ""),
            workdir=str(value.get("WorkingDir") or ""),
            entrypoint=_words(value.get("Entrypoint")),
            cmd=_words(value.get("Cmd")),
            labels={str(key): str(text) for key, text in (value.get("Labels") or {}).items()},
            healthcheck=dict(value["Healthcheck"]) if value.get("Healthcheck") else None,
            exposed_ports=tuple(sorted(map(str, value.get("ExposedPorts") or ()))),
            volumes=tuple(sorted(map(str, value.get("Volumes") or ()))),
            stop_signal=str(value.get("StopSignal") or ""),
            shell=_words(value.get("Shell") or None),
            on_build=_words(value.get("OnBuild")) or (),
        )


@dataclass(frozen=True, slots=True)
class History:
    """How one layer, or one setting (`empty_layer`), came about."""

    created_by: str
    comment: str = ""
    empty_layer: bool = False


@dataclass(frozen=True)
class StoredImage:
    """One image of one platform, in the store.

    Attributes:
        manifest: its manifest's descriptor.
        history: as many entries that are not empty as there are layers.
    """

    manifest: Descriptor
    platform: Platform
    config: RuntimeConfig
    layers: tuple[Layer, ...]
    history: tuple[History, ...]
    annotations: Mapping[str, str]

    @property
    def steps(self) -> tuple[tuple[Layer | None, History], ...]:
        """Each history entry with its layer (None for an empty one), for `assemble`."""
        layers = iter(self.layers)
        return tuple((None if h.empty_layer else next(layers), h) for h in self.history)


def read_settings(store: Store, manifest: Descriptor) -> tuple[RuntimeConfig, tuple[History, ...]]:
    """How a stored image runs, and its history; its layers need not be in the store.

    Raises:
        InputError, OutsideError: as `read_image`.
    """
    try:
        document = parse(store.read(manifest.digest))
        config = parse(store.read(Descriptor.from_json(document["config"]).digest))
        history = _history(config.get("history") or (), len(document["layers"]))
        return RuntimeConfig.from_json(config.get("config") or {}), tuple(history)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(manifest, error) from error


def _broken(manifest: Descriptor, error: Exception) -> InputError:
    return InputError(
        f"reading the image {manifest.digest}: its documents are broken ({error!r})",
        hint="make or fetch the image again",
    )


def read_image(store: Store, manifest: Descriptor) -> StoredImage:
    """Read an image that the store has.

    Each layer's archive is measured and checked against the image's config the
    first time; the store remembers it.

    Raises:
        InputError: it is not an image, or its documents contradict each other.
        OutsideError: a blob is missing or damaged.
    """
    try:
        return _read(store, manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(manifest, error) from error


def _read(store: Store, descriptor: Descriptor) -> StoredImage:
    if descriptor.media_type not in (MANIFEST, DOCKER_MANIFEST):
        raise ValueError(f"not an image manifest: {descriptor.media_type}")
    manifest = parse(store.read(descriptor.digest))
    config = parse(store.read(Descriptor.from_json(manifest["config"]).digest))
    blobs = [Descriptor.from_json(value) for value in manifest["layers"]]
    diff_ids = [str(value) for value in config["rootfs"]["diff_ids"]]
    layers = tuple(measure(store, *pair) for pair in zip(blobs, diff_ids, strict=True))
    return StoredImage(
        manifest=descriptor,
        platform=Platform.from_json(config),
        config=RuntimeConfig.from_json(config.get("config") or {}),
        layers=layers,
        history=tuple(_history(config.get("history") or (), len(layers))),
        annotations={str(k): str(v) for k, v in (manifest.get("annotations") or {}).items()},
    )


def _history(values: Any, layers: int) -> Iterator[History]:
    """One entry that is not empty for each layer, whatever the image's history says."""
    for value in values:
        empty = bool(value.get("empty_layer"))
        if not empty:
            if not layers:
                continue
            layers -= 1
        yield History(str(value.get("created_by") or ""), str(value.get("comment") or ""), empty)
    for _ in range(layers):
        yield History("")


def _words(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise TypeError(f"not a list of words: {value!r}")
    return tuple(map(str, value))
