"""What is named outside of the registry: by the present plan, and in files of clusters."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass

from stackyard.build.keys import key_of
from stackyard.build.plan import Plan
from stackyard.errors import InputError
from stackyard.publish.tags import base_tag, key_tag
from stackyard.stack.values import Stack, Target

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class UsedBy:
    """A file that names images.

    Attributes:
        name: the file's.
        words: every word in it that could be a tag, and every digest.
    """

    name: str
    words: Set[str]

    def check(self, names: Set[str], known: Set[str]) -> None:
        """Make sure that it is such a file.

        Args:
            names: of the stack's repositories, with the registry.
            known: tags and digests that the registry has.

        Raises:
            InputError: it names none of them; so it is likely another file.
        """
        if not any(name in self.words for name in names) and not self.words & known:
            raise InputError(
                f"{self.name} names no image of this stack, such as {min(names)}",
                hint="give the file that the hub is configured by: what `stackyard profiles`"
                " wrote, or the values or the HelmRelease that it went into",
            )


def used_by(name: str, text: str, names: Set[str]) -> UsedBy:
    """What a file names, whatever its format: YAML, JSON, Python, YAML within YAML.

    A word counts wherever it stands, so that a tag also counts that stands apart from
    its image's name. What is no reference matches no tag that prune would delete.

    Args:
        name: the file's, for messages.
        text: its content.
        names: of the stack's repositories, with the registry.
    """
    here = {name for name in names if name in text}
    return UsedBy(name, {*_DIGEST.findall(text), *_WORD.findall(text)} | here)


def planned_tags(stack: Stack, plan: Plan) -> Mapping[str, Set[str]]:
    """The tags of what a plan of all targets makes, by image; also those of its bases."""
    found: dict[str, set[str]] = defaultdict(set)
    for image, variants in stack.image_variants.items():
        for variant in variants:
            targets = [Target(image, variant, platform) for platform in stack.platforms]
            keys = [plan.images[target] for target in targets]
            found[image] |= {key_tag(variant, key) for key in (*keys, key_of("index", keys=keys))}
            found[image] |= {base_tag(plan.image_step(target).needs[0]) for target in targets}
    return found
