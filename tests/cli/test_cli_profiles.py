"""`stackyard profiles`: formats, what each has a use for, and where it is written."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from yard import STACK, Yard, parse_yaml

from stackyard.hub.delivery.formats import FORMATS

TEXT = [name for name, known in FORMATS.items() if not known.folder]


def profiles(yard: Yard, *words: str) -> Any:
    return yard.run("profiles", "--offline", *words)


@pytest.mark.parametrize("format_name", TEXT)
def test_every_format_has_the_images(built: Yard, format_name: str) -> None:
    digests = built.digests()
    for by, has in (("digest", True), ("tag", False)):
        done = profiles(built, "--format", format_name, "--by", by)
        for image in ("top", "both"):
            assert f"127.0.0.1:1/hub/{image}" in done.out
            assert (f"@{digests[f'{image}:default linux/amd64']}" in done.out) == has
        assert "hub/left" not in done.out, "it has no profile"
        assert done.err == ""


def test_by_digest_unless_asked_but_for_docker(built: Yard) -> None:
    for format_name in TEXT:
        done = profiles(built, "--format", format_name)
        assert ("@sha256:" in done.out) == (format_name != "dockerspawner")


def test_names_and_secrets(built: Yard) -> None:
    words = ["--name", "images", "--namespace", "jhub", "--pull-secret", "a", "--pull-secret", "b"]
    document = parse_yaml(profiles(built, "--format", "configmap", *words).out)
    metadata = document["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("images", "jhub")
    values = parse_yaml(document["data"]["values.yaml"])
    assert values["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    listed = json.loads(profiles(built, "--format", "json").out)
    assert values["singleuser"]["profileList"] == listed
    assert [profile.get("default", False) for profile in listed] == [True, False]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "argocd", "--namespace", "a"], "no use for --namespace"),
        (["--format", "json", "--pull-secret", "a"], "no use for --pull-secret"),
        (["--format", "dockerspawner", "--pull-secret", "a"], "no use for --pull-secret"),
        (["--name", "a"], "it is for configmap, flux, kustomize"),
        (["--pull-secret", "No"], "not a name that Kubernetes takes"),
        (["--format", "kustomize"], "name a folder for them: -o FOLDER"),
        (["--format", "kustomize", "-o", "-"], "name a folder for them: -o FOLDER"),
        (["-o", "stackyard.yaml"], "that is the stack file"),
        (["-o", "stackyard.lock"], "that is the lock"),
        (["-o", "."], "that is a folder"),
    ],
)
def test_what_cannot_be(built: Yard, words: list[str], told: str) -> None:
    before = (built.root / "stackyard.yaml").read_text()
    assert told in built.fail("profiles", "--offline", *words, code=2)
    assert (built.root / "stackyard.yaml").read_text() == before


def test_to_a_file(built: Yard) -> None:
    done = profiles(built, "-o", "profiles.yaml")
    assert (done.out, done.err) == ("", "wrote profiles.yaml\n")
    text = (built.root / "profiles.yaml").read_text()
    assert text == profiles(built).out == profiles(built, "-o", "-").out
    line = STACK.splitlines().index("    profile: {display_name: Top, default: true}") + 1
    assert f"    # stackyard.yaml:{line}, images.top.profile" in text.splitlines()


def test_not_over_a_part_of_the_stack_file(built: Yard) -> None:
    part = built.write("images/one.yaml", "images: {one: {layers: [top]}}\n")
    built.change("registry:", "include: [images/*.yaml]\nregistry:")
    told = built.fail("profiles", "--offline", "-o", "images/../images/one.yaml", code=2)
    assert "that is a part of the stack file" in told
    assert part.read_text().startswith("images: {one")


def test_to_a_folder(built: Yard) -> None:
    words = ["--format", "kustomize", "-o", "hub/profiles"]
    for _ in range(2):
        assert profiles(built, *words).err == "wrote hub/profiles\n"
    names = sorted(path.name for path in (built.root / "hub/profiles").iterdir())
    assert names == ["kustomization.yaml", "kustomizeconfig.yaml", "values.yaml"]
    (built.root / "hub/profiles/kustomization.yaml").write_text("resources: []\n")
    assert "not one of ours" in built.fail("profiles", "--offline", *words, code=2)


def test_help_names_every_format_and_loads_nothing_heavy() -> None:
    heavy = "import sys, stackyard.cli.profiles; print([m for m in sys.modules if 'ruamel' in m])"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    code = "from stackyard.cli.main import main; import sys; sys.argv[1:] = ['profiles', '--help']"
    words = [sys.executable, "-c", f"{code}; main()"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    for name, known in FORMATS.items():
        assert any(name in line and known.summary in line for line in shown.splitlines())


def test_what_is_deployed_against_what_is_built(built: Yard) -> None:
    built.run("profiles", "--format", "configmap", "-o", "deployed.yaml")
    assert built.run("profiles", "--check", "deployed.yaml").out == "No change for users.\n"
    built.change("display_name: Both", "display_name: Two")
    done = built.run("profiles", "--check", "deployed.yaml", code=1)
    assert "renamed: Both → Two" in done.out
    assert done.err.startswith(
        "stackyard: deployed.yaml: what is deployed is not what is published"
    )
    found = built.run("profiles", "--check", "deployed.yaml", "--json", code=1).json
    assert found["noticed"] == 1


def test_a_comment_for_a_pull_request(built: Yard) -> None:
    built.run("profiles", "-o", "old.yaml")
    built.change("display_name: Both", 'display_name: "@both [x](http://x)"')
    built.run("profiles", "--format", "kubespawner", "-o", "new.py")
    told = built.run("profiles", "--diff", "old.yaml", "new.py").out
    assert told.startswith("## Profile list: what users would see\n")
    assert "renamed: `Both` → `@both [x](http://x)`" in told
    (built.root / "stackyard.yaml").unlink()  # two files are all that it takes
    assert built.run("profiles", "--diff", "old.yaml", "new.py").out == told


def test_a_helmrelease_put_right(yard: Yard) -> None:
    path = yard.write("release.yaml", RELEASE)
    done = yard.run("profiles", "--helmrelease", "release.yaml", code=1)
    assert "release.yaml:9: problem: spec.values has a singleuser.profileList" in done.err
    assert "+  timeout: 30m" in done.out
    assert path.read_text() == RELEASE
    yard.run("profiles", "--format", "flux", "--helmrelease", "release.yaml", "--edit")
    assert "# stays" in path.read_text()
    assert "profileList" not in path.read_text()
    assert "takes the ConfigMap" in yard.run("profiles", "--helmrelease", "release.yaml").err


RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: hub, namespace: jupyterhub}
spec:
  chart: {spec: {chart: jupyterhub}}
  values:
    hub: {config: {}}  # stays
    singleuser:
      profileList:
        - display_name: Old
"""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--check", "a", "--diff", "b", "c"], "--check and --diff do not go together"),
        (["--check", "a", "--by", "tag"], "--by is for writing the list, not for --check"),
        (["--json"], "--json is for --check and --diff"),
        (["--edit"], "--edit is for --helmrelease"),
        (["--diff", "a", "b", "-o", "c"], "--output is for writing the list"),
        (["--check", "none.yaml"], "there is no such file"),
    ],
)
def test_what_does_not_go_together(yard: Yard, words: list[str], says: str) -> None:
    assert says in yard.fail("profiles", *words, code=2)
