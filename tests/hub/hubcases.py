"""Stacks for the tests of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from stackyard.errors import Position
from stackyard.hub.published import Published
from stackyard.stack.values import Image, Profile, Stack, Variant


def stack(images: Mapping[str, Mapping[str, Profile | None]]) -> Stack:
    """A stack of images: image to variant to profile."""
    variants = list(dict.fromkeys(v for profiles in images.values() for v in profiles))
    return Stack(
        path=Path("/campus/stackyard.yaml"),
        root=Path("/campus"),
        registry="ghcr.io/acme/hub",
        platforms=("linux/amd64",),
        variants={
            variant: Variant(
                name=variant,
                variables={},
                layers={},
                images={
                    name: Image(
                        name,
                        ("base",),
                        ("base",),
                        "base",
                        Position("stackyard.yaml", line),
                        _placed(profiles[variant], line),
                    )
                    for line, (name, profiles) in enumerate(images.items(), 1)
                    if variant in profiles
                },
            )
            for variant in variants
        },
        image_variants={image: tuple(profiles) for image, profiles in images.items()},
    )


def _placed(profile: Profile | None, line: int) -> Profile | None:
    return profile and replace(profile, places={(): Position("stackyard.yaml", line)})


def reference(image: str, variant: str) -> str:
    return f"ghcr.io/acme/hub/{image}:{variant}-abc123@sha256:{'0' * 64}"


def published(of: Stack) -> list[Published]:
    """Everything, as if just pushed."""
    return [
        Published(target.image, target.variant, reference(target.image, target.variant))
        for target in of.targets
    ]


CAMPUS = stack(
    {
        "default": {
            "py311": Profile("Default environment", "Python for data analysis"),
            "py313": Profile("Default environment", "Python for data analysis"),
        },
        "bench": {"py311": None, "py313": None},
        "geo-ml": {
            "py313": Profile(
                "Geo & <b>ML</b>",
                'Maps "and" ${models} {{ here }}',
                default=True,
                kubespawner_override={
                    "mem_limit": "8G",
                    "environment": {"JSON": '{"a": 1}', "PLAIN": "x"},
                },
            )
        },
        "wide": {
            "py311": Profile("Wide 3.11", kubespawner_override={"cpu_limit": 2, "uid": 1000}),
            "Py_3.13": Profile("Wide 3.13", kubespawner_override={"cpu_limit": 4, "uid": 1000}),
        },
    }
)
