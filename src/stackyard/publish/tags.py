"""The tags of an image: one that never moves, and those that tell what is inside.

Jupyter's own images are tagged so: https://jupyter-docker-stacks.readthedocs.io/en/latest/using/selecting.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from stackyard.build.revision import revision
from stackyard.errors import InputError
from stackyard.lock.model import Lock, Resolution
from stackyard.oci.reference import check_tag
from stackyard.stack.template import Templates
from stackyard.stack.templateerror import TemplateError
from stackyard.stack.values import Stack, Target

DEFAULT_TAGS = (
    "{{ variant }}-python-{{ python }}",
    "{{ variant }}-jupyterlab-{{ packages.jupyterlab }}",
    "{{ variant }}-jupyterhub-{{ packages.jupyterhub }}",
    "{{ variant }}-{{ suite }}",
    "{{ variant }}-{{ date }}",
    "{{ variant }}-git-{{ commit }}",
)
"""What tags an image gets beside its own, where the stack file says nothing else."""

_COMMIT = 12


@dataclass(frozen=True)
class Moment:
    """When, and at which commit, images are published; `commit` is empty when unknown."""

    day: date
    commit: str

    @classmethod
    def now(cls, stack: Stack) -> Moment:
        """Today, and the commit that the stack file is at; none when it was changed since."""
        commit = revision(stack.root)
        return cls(date.today(), "" if commit.endswith("-dirty") else commit[:_COMMIT])


def key_tag(variant: str, key: str) -> str:
    """``VARIANT-KEY12``: never moved, because the key decides the content."""
    return f"{variant}-{key[:12]}"


def base_tag(key: str) -> str:
    """Where the base of images is kept beside them, so that others can build on it."""
    return f"base-{key[:12]}"


def moving_tags(stack: Stack, image: str, variant: str) -> tuple[str, ...]:
    """The variant's name, and ``latest`` for an image's default variant."""
    is_default = stack.image_variants[image][0] == variant
    return (variant, "latest") if is_default else (variant,)


def telling_tags(stack: Stack, lock: Lock, target: Target, moment: Moment) -> tuple[str, ...]:
    """The tags that say what is inside; one that speaks of what is not there is left out.

    Raises:
        InputError: a template of the stack file's ``tags`` is wrong, or makes no tag.
    """
    templates = Templates()
    known = _known(stack, lock, target, moment)
    sources = DEFAULT_TAGS if stack.tags is None else stack.tags
    return tuple(dict.fromkeys(_made(templates, sources, known)))


def _made(templates: Templates, sources: Sequence[str], known: Mapping[str, Any]) -> Iterator[str]:
    for source in sources:
        try:
            if not _speaks_of_what_is_there(templates, source, known):
                continue
            tag = templates.render(source, known)
        except TemplateError as error:
            raise InputError(f"tags: {source!r}: {error.message}", hint=error.hint) from error
        # Versions have what tags may not: 1!2.0+local.
        tag = re.sub(r"[+!~:]", "-", tag)
        check_tag(tag, of=f"tags: {source}")
        yield tag


def _speaks_of_what_is_there(templates: Templates, source: str, known: Mapping[str, Any]) -> bool:
    packages = re.findall(r"\bpackages\.([A-Za-z0-9_]+)", source)
    return all(known[name] for name in templates.names(source) & _MAY_LACK) and all(
        name in known["packages"] for name in packages
    )


_MAY_LACK = frozenset({"python", "suite", "commit"})


def _known(stack: Stack, lock: Lock, target: Target, moment: Moment) -> dict[str, Any]:
    image = stack.image(target)
    variant = stack.variants[target.variant]
    resolution = lock.resolutions[target.variant, image.base]
    base = resolution.bases[target.platform]
    source = variant.layers[image.base].base
    return {
        **variant.variables,
        "variant": target.variant,
        "image": target.image,
        "python": base.python.version if base.python else "",
        "suite": source.value if source and source.kind == "debian" else "",
        "date": moment.day.isoformat(),
        "commit": moment.commit,
        "packages": _packages(resolution, image.closure, target.platform),
    }


def _packages(resolution: Resolution, closure: Sequence[str], platform: str) -> dict[str, str]:
    """The locked packages of an image by name, with ``_`` for ``-`` and ``.``."""
    return {
        re.sub(r"[-.]", "_", package.name): package.version
        for package in resolution.packages
        if platform in package.wheels
        and any(need.holds(closure, resolution.forked) for need in package.needs)
    }
