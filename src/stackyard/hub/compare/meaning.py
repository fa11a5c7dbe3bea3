"""What a loss means for users who had chosen what is gone. Tried with the versions named."""

from __future__ import annotations

from stackyard.hub.deployed.found import Kind

_FAIL = "A start without the form, such as over the API, fails until they choose anew."


def gone_profile(kind: Kind) -> str:
    """For a profile that is gone."""
    if kind == "dockerspawner":
        return f"Users who had chosen it choose another one in the form. {_FAIL}"
    return (
        "Users who had chosen it find the default selected in the form (KubeSpawner 7.0.0), "
        f"or nothing (7.1.0). {_FAIL}"
    )


def gone_choice() -> str:
    """For a choice, or its key, that is gone."""
    return f"Users who had chosen it get the default choice from the form. {_FAIL}"


def lost_choice(kind: Kind) -> str:
    """For a profile whose key changed under the same name."""
    if kind == "dockerspawner":
        return f"Users' saved choice is lost. {_FAIL}"
    return (
        "Users' saved choice is lost: the form has the default selected (KubeSpawner 7.0.0), "
        f"or nothing (7.1.0). {_FAIL}"
    )
