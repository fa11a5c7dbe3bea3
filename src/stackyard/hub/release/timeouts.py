"""How long Flux waits for an install and an upgrade.

The chart's hook pullers run before both, and Helm waits for them whether or not
`disableWait` is set: they end when every node has pulled every image.
"""

from __future__ import annotations

from collections.abc import Iterator

from stackyard.hub.documents.yamltree import Scalar, value
from stackyard.hub.release.durations import seconds
from stackyard.hub.release.find import Release, down, text
from stackyard.hub.release.finding import EDIT, Finding
from stackyard.hub.visible import visible

ENOUGH = "30m"
_ENOUGH = 1800.0
_ACTIONS = ("install", "upgrade")
_WHY = "an upgrade waits until every node has pulled the new images, and fails when that is over"


def short_timeouts(release: Release) -> list[tuple[str, ...]]:
    """The paths in the spec whose timeout is missing or too short."""
    if _never_waits(release):
        return []
    own = {action: down(release.spec, action, "timeout") for action in _ACTIONS}
    short: list[tuple[str, ...]] = [
        (action, "timeout") for action, node in own.items() if node and not _fits(node)
    ]
    if not all(own.values()) and not _fits(release.spec.get("timeout")):
        short.insert(0, ("timeout",))
    return short


def timeout_findings(release: Release) -> Iterator[Finding]:
    """What is to be said of the timeouts, and of what makes Flux not wait."""
    for path in short_timeouts(release):
        node, name = down(release.spec, *path), ".".join(("spec", *path))
        if node is None:
            found = f"{name} is not set, so it is 5m"
        elif seconds(text(node)) is None:
            found = f"{name} is {visible(text(node), 40)!r}, which is no duration"
        else:
            found = f"{name} is {visible(text(node), 40)}"
        yield Finding(
            release.key("spec", *path),
            f"{found}: {_WHY}{_despite(release, path)}",
            f"set it to {ENOUGH}, or to what the largest image takes on the slowest node; {EDIT}",
            mended=True,
        )
    yield from _variable(release)
    node = down(release.spec, "upgrade", "disableHooks")
    if isinstance(node, Scalar) and value(node) is True:
        yield Finding(
            release.at(node),
            "spec.upgrade.disableHooks keeps the chart from pulling new images before an "
            "upgrade, so the first users of a new image wait for the pull",
            "take it out, unless that is meant",
            level="note",
        )


def _variable(release: Release) -> Iterator[Finding]:
    """Timeouts that Flux puts in when it applies the file."""
    for path in (("timeout",), *((action, "timeout") for action in _ACTIONS)):
        node = down(release.spec, *path)
        if node and _is_variable(node) and not _never_waits(release):
            yield Finding(
                release.key("spec", *path),
                f"{'.'.join(('spec', *path))} is {visible(text(node), 40)!r}, which Flux fills "
                f"in: {_WHY}",
                f"see that it is at least {ENOUGH}",
                level="note",
            )


def _never_waits(release: Release) -> bool:
    """Whether no hook pulls images."""
    hook = down(release.spec, "values", "prePuller", "hook", "enabled")
    if isinstance(hook, Scalar) and value(hook) is False:
        return True
    disabled = [down(release.spec, action, "disableHooks") for action in _ACTIONS]
    return all(isinstance(node, Scalar) and value(node) is True for node in disabled)


def _despite(release: Release, path: tuple[str, ...]) -> str:
    actions = path[:1] if len(path) > 1 else _ACTIONS
    nodes = [down(release.spec, action, "disableWait") for action in actions]
    if any(isinstance(node, Scalar) and value(node) is True for node in nodes):
        return "; disableWait does not spare it, because Helm waits for hooks all the same"
    return ""


def _is_variable(node: object) -> bool:
    return isinstance(node, Scalar) and "${" in node.text


def _fits(node: object) -> bool:
    if _is_variable(node):
        return True
    found = seconds(node.text) if isinstance(node, Scalar) else None
    return found is not None and found >= _ENOUGH
