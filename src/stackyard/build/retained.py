"""What of a store is needed: by the present plans, and by the last builds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path

from stackyard.build.history import BUILT, PROJECT, Build, builds, stack_files
from stackyard.build.project import Project
from stackyard.build.results import Made, recall_key
from stackyard.build.selection import select
from stackyard.build.steps import BaseStep, GroupStep
from stackyard.oci.collect import Keep
from stackyard.oci.memos import Memo, memos
from stackyard.oci.store import Store

# Each with a number; see `stackyard.system.prepared` and `stackyard.publish.sbom`.
_BASES = "base-"
_SBOMS = "sbom-"


def retained(store: Store, projects: Sequence[Project], *, last: int) -> Keep:
    """What may not go, whatever its age.

    That is: what the plans of these projects are made of, the bases that their locks
    name, and the last builds of every image, also of other projects as long as their
    stack files are where they were. A result that is not whole any more is not kept.

    Args:
        store: what is looked at.
        projects: whose plans count.
        last: how many builds of each image are kept.

    Raises:
        InputError: a step's files cannot be used.
        OutsideError: the disk is broken.
    """
    every = memos(store)
    kept = _kept_builds(every, projects, store, last)
    steps: set[str] = {key for build in kept for key in build.steps}
    pins: set[str] = set()
    for project in projects:
        plan = project.plan(select(project.stack), store)
        for key, decision in plan.decisions.items():
            steps.add(key)
            step = decision.step
            if isinstance(step, BaseStep):
                pins.add(step.locked.digest)
            if isinstance(step, GroupStep) and step.compiler_base:
                steps.add(step.compiler_base)
    made = {key: made for key in steps if (made := _whole(store, key))}
    manifests = {one.manifest.digest for one in made.values() if one.manifest}
    records = {(m.kind, m.key) for m in every if _names(m, made.keys(), manifests, pins)}
    records |= {(BUILT, build.memo) for build in kept}
    records |= {(PROJECT, build.project) for build in kept}
    found = {m.kind for m in every}
    return Keep(
        kinds={"step", "last", BUILT, PROJECT} | {k for k in found if k.startswith(_BASES)},
        records=records,
        documents={kind for kind in found if kind.startswith(_SBOMS)},
    )


def _names(memo: Memo, steps: Set[str], manifests: Set[str], pins: Set[str]) -> bool:
    """Whether a record is of one of these steps, or of a base that is needed."""
    if memo.kind == "step":
        return memo.key in steps
    if memo.kind == "last":
        return memo.value.get("key") in steps
    if memo.kind.startswith(_BASES):
        manifest = memo.value.get("manifest")
        own = manifest.get("digest") if isinstance(manifest, dict) else None
        return memo.value.get("digest") in pins or own in manifests
    return False


def _whole(store: Store, key: str) -> Made | None:
    if not key.isalnum():
        return None
    made = recall_key(store, key, whole=store.has)
    return made if isinstance(made, Made) else None


def _kept_builds(
    every: Sequence[Memo], projects: Sequence[Project], store: Store, last: int
) -> list[Build]:
    """The last builds of each image that some stack file has."""
    files = stack_files(every)
    wanted = {
        project.stack.path.absolute(): {
            (t.image, t.variant, t.platform) for t in project.stack.targets
        }
        for project in projects
    }
    groups: dict[tuple[Path, tuple[str, str, str]], list[Build]] = defaultdict(list)
    for build in _whole_builds(store, builds(every)):
        path = files.get(build.project)
        if path is None:
            continue
        if build.target in wanted[path] if path in wanted else _is_there(path):
            groups[path, build.target].append(build)
    return [build for group in groups.values() for build in group[:last]]


def _is_there(path: Path) -> bool:
    """Whether a stack file is where it was; one that may not be looked at counts as there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _whole_builds(store: Store, found: Iterable[Build]) -> Iterator[Build]:
    """Those whose image is still there."""
    return (build for build in found if build.steps and _whole(store, build.steps[-1]))
