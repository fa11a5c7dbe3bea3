"""How an image is offered, as it is written: in the words of KubeSpawner's `profile_list`.

https://jupyterhub-kubespawner.readthedocs.io/en/latest/spawner.html#kubespawner.KubeSpawner.profile_list
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from stackyard.stack.basemodel import Source
from stackyard.stack.fields import PreviousVersions, Slug, VariantsAs
from stackyard.stack.leaf import (
    LABEL,
    Boolean,
    Emptiable,
    Free,
    Removable,
    Text,
    Words,
    label_key,
)

Override = Annotated[dict[str, Free], Emptiable()]
OptionKey = Annotated[
    str,
    BeforeValidator(label_key),
    WithJsonSchema({"type": "string", "pattern": f"^{LABEL}$", "maxLength": 63}),
]


class ChoiceSource(Source):
    """One choice of an option."""

    display_name: Words
    default: Boolean = False
    """Whether it is the one that users get who choose none; else the first is."""
    kubespawner_override: Override = Field(default_factory=dict)
    """Settings of KubeSpawner for those who choose it."""


class UnlistedChoiceSource(Source):
    """A text that users may type in place of a choice."""

    enabled: Boolean = True
    display_name: Words
    """What the text field is called."""
    display_name_in_choices: Text = ""
    """What the choice is called that opens the field; `Other...` unless given."""
    validation_regex: Text = ""
    """A regular expression that must match the whole text."""
    validation_message: Text = ""
    """Tells users what the text must look like."""
    kubespawner_override: Override = Field(default_factory=dict)
    """Settings of KubeSpawner; `{value}` in them stands for the text."""


class ProfileOptionSource(Source):
    """What users choose beside an image, such as its resources."""

    display_name: Text = ""
    """What the choice is about; only the option `image` needs none."""
    choices: dict[OptionKey, ChoiceSource] = Field(default_factory=dict)
    """The choices by key; those of the option `image` are the image's versions."""
    unlisted_choice: UnlistedChoiceSource | None = None


ProfileOptions = Annotated[dict[OptionKey, ProfileOptionSource], Emptiable()]
OwnProfileOptions = Annotated[
    dict[OptionKey, Annotated[ProfileOptionSource, Removable()]], Emptiable()
]


class ProfileSource(Source):
    """How an image is offered on the hub's spawn page."""

    display_name: Words
    description: Text = ""
    default: Boolean = False
    """Whether the spawn page preselects it; at most one image."""
    slug: Slug | None = None
    """Stable key; made from the image's name unless given."""
    variants: VariantsAs = "choices"
    """Whether variants are choices of one profile, or a profile each."""
    choice_name: Text = ""
    """What a variant's choice is called, such as `Python {{ python }}`; its name unless given."""
    previous_versions: PreviousVersions = 0
    """How many versions that were published before stay selectable."""
    kubespawner_override: Override = Field(default_factory=dict)
    """Settings of KubeSpawner for this profile."""
    profile_options: OwnProfileOptions = Field(default_factory=dict)
    """Further options by key; `null` leaves out one that all profiles have."""
