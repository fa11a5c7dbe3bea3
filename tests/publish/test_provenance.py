"""How an image came about: the statement, the repository, and what CI says of itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from yard import Yard

from stackyard import __version__
from stackyard.build.project import open_project
from stackyard.build.selection import select
from stackyard.oci.digest import sha256
from stackyard.oci.store import Store
from stackyard.publish.checkout import Checkout, checkout, public_address
from stackyard.publish.origin import Builder, Origin
from stackyard.publish.provenance import (
    LOCAL_BUILDER,
    Provenance,
    base_material,
    provenance,
    statement,
)
from stackyard.stack.values import BaseSource, Target

HEX = "ab" * 32
DIGEST = f"sha256:{HEX}"
NAME = "ghcr.io/acme/hub/both"
NAMES = ("NAME", "EMAIL")

TOLD = Provenance(
    name=NAME,
    digest=DIGEST,
    stack_path="hub/stackyard.yaml",
    stack_digest=DIGEST,
    lock_digest=DIGEST,
    image="both",
    variant="py313",
    platform="linux/arm64",
    key="c0ffee",
    bases=(
        base_material(BaseSource("registry", "ghcr.io/acme/base:1"), DIGEST),
        base_material(BaseSource("debian", "trixie", "20260115T000000Z"), DIGEST),
        base_material(BaseSource("rootfs", "base.tar"), ""),
    ),
    source=Checkout("c" * 40, True, "https://github.com/acme/hub", "hub"),
    builder="https://github.com/acme/hub/.github/workflows/images.yml@refs/heads/main",
    invocation="https://github.com/acme/hub/actions/runs/7/attempts/1",
)

STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": NAME, "digest": {"sha256": HEX}}],
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": {
        "buildDefinition": {
            "buildType": "https://stackyard.io/build/v1",
            "externalParameters": {
                "stack": {"path": "hub/stackyard.yaml", "digest": {"sha256": HEX}},
                "lock": {"digest": {"sha256": HEX}},
                "image": "both",
                "variant": "py313",
                "platform": "linux/arm64",
            },
            "internalParameters": {"key": "c0ffee"},
            "resolvedDependencies": [
                {
                    "name": "source",
                    "uri": "git+https://github.com/acme/hub",
                    "digest": {"gitCommit": "c" * 40},
                    "annotations": {"dirty": "true"},
                },
                {
                    "name": "ghcr.io/acme/base:1",
                    "uri": f"oci://ghcr.io/acme/base:1@{DIGEST}",
                    "digest": {"sha256": HEX},
                },
                {
                    "name": "debian trixie at 20260115T000000Z",
                    "digest": {"sha256": HEX},
                    "annotations": {"digest": "of the list of its packages and versions"},
                },
                {"name": "rootfs base.tar"},
            ],
        },
        "runDetails": {
            "builder": {
                "id": "https://github.com/acme/hub/.github/workflows/images.yml@refs/heads/main",
                "version": {"stackyard": __version__},
            },
            "metadata": {"invocationId": "https://github.com/acme/hub/actions/runs/7/attempts/1"},
        },
    },
}


def git(folder: Path, *words: str) -> str:
    """Run git, with nobody's settings."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in NAMES},
    }
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return git(folder, "rev-parse", "HEAD")


def test_the_statement() -> None:
    assert statement(TOLD) == STATEMENT
    document = provenance(TOLD)
    assert json.loads(document.data) == STATEMENT
    assert document.media_type == "application/vnd.in-toto+json"
    assert document.annotations == {"in-toto.io/predicate-type": STATEMENT["predicateType"]}


@pytest.mark.parametrize(
    ("remote", "told"),
    [
        ("https://github.com/acme/hub.git", "https://github.com/acme/hub.git"),
        ("https://ann:s3cret@github.com/acme/hub", "https://github.com/acme/hub"),
        ("https://s3cret@github.com:8443/acme/hub?x=s3cret#y", "https://github.com:8443/acme/hub"),
        ("git@github.com:acme/hub.git", "ssh://github.com/acme/hub.git"),
        ("ssh://ann:s3cret@example.org:22/hub", "ssh://example.org:22/hub"),
        ("https://ann:s3cret@[::1]/hub", "https://[::1]/hub"),
        ("/home/ann/hub", ""),
        ("../hub", ""),
        ("file:///home/ann/hub", ""),
        ("https://[broken/s3cret", ""),
        ("https://ann:s3cret@example.org:port/hub", ""),
        ("ext::sh -c s3cret", ""),
        ("", ""),
    ],
)
def test_a_remote_is_told_without_credentials(remote: str, told: str) -> None:
    assert public_address(remote) == told


def test_the_repository_of_a_folder(tmp_path: Path) -> None:
    assert checkout(tmp_path) is None
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / "stackyard.yaml").write_text("layers: {}\n")
    head = commit(tmp_path)
    assert checkout(folder) == Checkout(head, False, "", "hub")
    assert checkout(tmp_path) == Checkout(head, False, "", ".")

    git(tmp_path, "remote", "add", "fork", "https://example.org/fork")
    git(tmp_path, "remote", "add", "origin", "https://ann:s3cret@example.org/hub")
    git(tmp_path, "config", "url.https://bot:t0ken@mirror.org/.insteadOf", "https://ann")
    (folder / "stackyard.yaml").write_text("layers: {a: {}}\n")
    assert checkout(folder) == Checkout(head, True, "https://example.org/hub", "hub")


def test_what_is_told_of_a_stack(built: Yard) -> None:
    head = commit(built.root.parent)
    project = open_project(built.root / "stackyard.yaml")
    target = Target("both", "default", "linux/amd64")
    plan = project.plan(select(project.stack), Store.open(built.store))
    made = plan.decisions[plan.images[target]].made
    assert made is not None
    assert made.manifest is not None
    origin = Origin.of(project, Builder.here({}))
    told = statement(origin.provenance(plan, target, made.manifest, NAME))
    definition: Any = told["predicate"]["buildDefinition"]
    stack, lock = ((built.root / f"stackyard.{end}").read_bytes() for end in ("yaml", "lock"))
    parameters = definition["externalParameters"]
    assert parameters["stack"]["path"] == "project/stackyard.yaml"
    assert f"sha256:{parameters['stack']['digest']['sha256']}" == sha256(stack)
    assert f"sha256:{parameters['lock']['digest']['sha256']}" == sha256(lock)
    assert definition["internalParameters"] == {"key": plan.images[target]}
    source, base = definition["resolvedDependencies"]
    assert source["digest"] == {"gitCommit": head}
    assert base["name"] == "rootfs base.tar"
    (locked,) = project.lock.resolutions.values()
    assert f"sha256:{base['digest']['sha256']}" == locked.bases["linux/amd64"].digest
    assert told["predicate"]["runDetails"]["builder"]["id"] == LOCAL_BUILDER
    assert told["predicate"]["runDetails"]["metadata"] == {}


def test_who_builds() -> None:
    github = Builder.here(
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "acme/hub",
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_WORKFLOW_REF": "acme/hub/.github/workflows/images.yml@refs/heads/main",
        }
    )
    assert github.name == TOLD.builder
    assert github.invocation == "https://github.com/acme/hub/actions/runs/7/attempts/2"
    gitlab = Builder.here(
        {
            "GITLAB_CI": "true",
            "CI_PROJECT_URL": "https://gitlab.com/acme/hub",
            "CI_RUNNER_ID": "12",
            "CI_JOB_URL": "https://gitlab.com/acme/hub/-/jobs/3",
        }
    )
    assert gitlab.name == "https://gitlab.com/acme/hub/-/runners/12"
    assert gitlab.invocation == "https://gitlab.com/acme/hub/-/jobs/3"
    assert Builder.here({}) == Builder(LOCAL_BUILDER, "")
