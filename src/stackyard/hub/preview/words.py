"""What a preview says on the terminal."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# What a container on one machine can have as on a cluster; `image` is the profile itself.
_SAME = frozenset(
    {
        "allow_privilege_escalation",
        "args",
        "cmd",
        "container_security_context",
        "cpu_limit",
        "debug",
        "default_url",
        "disable_user_config",
        "environment",
        "fs_gid",
        "gid",
        "image",
        "mem_limit",
        "notebook_dir",
        "oauth_roles",
        "pod_security_context",
        "server_token_scopes",
        "supplemental_gids",
        "uid",
        "working_dir",
    }
)
_LINES = 12
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def without_effect(profiles: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The overrides that mean nothing without a cluster, with the profiles that have them."""
    found: dict[str, list[str]] = {}
    for profile in profiles:
        for override in _overrides(profile):
            for name in sorted(override.keys() - _SAME):
                slugs = found.setdefault(name, [])
                if profile["slug"] not in slugs:
                    slugs.append(profile["slug"])
    return found


def without_limits(
    profiles: Sequence[Mapping[str, Any]], limits: Mapping[str, bool]
) -> dict[str, list[str]]:
    """The limits that this machine's engine cannot set, with the profiles that have them."""
    names = {"mem_limit": "memory", "cpu_limit": "cpu"}
    return {
        name: slugs
        for name, kind in names.items()
        if not limits.get(kind)
        and (slugs := [p["slug"] for p in profiles if any(name in o for o in _overrides(p))])
    }


def _overrides(profile: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield profile.get("kubespawner_override", {})
    for option in profile.get("profile_options", {}).values():
        for choice in option.get("choices", {}).values():
            yield choice.get("kubespawner_override", {})
        yield (option.get("unlisted_choice") or {}).get("kubespawner_override", {})


def offered(profiles: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each profile, with what can be chosen in it."""
    return [_offered(profile) for profile in profiles]


def _offered(profile: Mapping[str, Any]) -> str:
    default = " (default)" if profile.get("default") else ""
    options = [
        ", ".join(plain(html.unescape(c["display_name"])) for c in option["choices"].values())
        for option in profile.get("profile_options", {}).values()
        if option.get("choices")
    ]
    choices = f": {'; '.join(options)}" if options else ""
    return f"{plain(html.unescape(profile['display_name']))}{default}{choices}"


def told(event: Mapping[str, Any], names: Mapping[str, str], log: Path) -> str | None:
    """The lines that an event is worth, or None.

    Args:
        event: what the hub told.
        names: of the profiles, by slug.
        log: the hub's, for what to look at.
    """
    who = plain(str(event.get("user", "")))
    match event["event"]:
        case "starting":
            return f"starting  {who}: {_chosen(event, names)}, {plain(event['image'])}"
        case "ready":
            note = _other_hub(event["version"], event["hub"])
            return f"ready     {who}: {_chosen(event, names)} in {event['seconds']:.1f} s{note}"
        case "failed":
            head = f"failed    {who}: {_chosen(event, names)} after {event['seconds']:.1f} s"
            return _with_lines(head, event, log)
        case "ended":
            return _with_lines(f"ended     {who}", event, log)
        case "stopped":
            return f"stopped   {who}"
        case _:
            return None


def _chosen(event: Mapping[str, Any], names: Mapping[str, str]) -> str:
    options = dict(event["options"])
    slug = str(options.pop("profile", "") or "")
    name = names.get(slug, slug) or "the default profile"
    return plain(", ".join([html.unescape(name), *map(str, options.values())]))


def _other_hub(image: str, hub: str) -> str:
    if not image or image.partition(".")[0] == hub.partition(".")[0]:
        return ""
    return (
        f"\n  warning: the image has jupyterhub {plain(image)} and the hub is {hub}:"
        " servers and hub should have the same major version"
    )


def _with_lines(head: str, event: Mapping[str, Any], log: Path) -> str:
    said = []
    if event["lines"] is not None:
        last = [f"    {plain(line)}" for line in event["lines"] if line.strip()][-_LINES:]
        said = ["  its last lines:", *last] if last else ["  it said nothing"]
    more = [f"  {plain(event['hint'])}", f"  the hub's log: {log}"]
    return "\n".join([f"{head}: {plain(event['reason'])}", *said, *more])


def plain(text: str) -> str:
    """Without what a terminal would obey, colours among it."""
    bare = _COLOUR.sub("", text)
    return "".join(letter if letter.isprintable() else " " for letter in bare).rstrip()
