"""Merging platforms that were built and pushed on different machines."""

from __future__ import annotations

from dataclasses import replace

from stackyard.build.plan import Plan
from stackyard.errors import InputError, OutsideError
from stackyard.publish.lookup import Remote


def only_published(plan: Plan, remote: Remote) -> Plan:
    """The plan with nothing to build: every image as the registry has it.

    Raises:
        InputError: an image is not there for one of its platforms.
        OutsideError: the registry cannot be asked.
    """
    if remote.failure:
        raise OutsideError(remote.failure, hint="check the registry and your credentials")
    missing = [t for t, key in plan.images.items() if key not in remote.images]
    if missing:
        told = ", ".join(f"{t} {t.platform}" for t in missing[:6])
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        raise InputError(
            f"the registry does not have {told}{more} as the stack file has them now",
            hint="push them first, on a machine of each platform: stackyard push --platform …",
        )
    there = {
        key: replace(plan.decisions[key], made=remote.made[key], here=False)
        for key in plan.images.values()
    }
    return replace(plan, decisions=there)
