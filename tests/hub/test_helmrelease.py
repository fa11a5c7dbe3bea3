"""What keeps the ConfigMap's list from the hub, as a HelmRelease's file tells it."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.cli.helmrelease import helmrelease
from stackyard.errors import InputError, ResultError
from stackyard.hub.delivery.shape import Settings
from stackyard.hub.release.durations import seconds
from stackyard.hub.release.edit import release_in
from stackyard.hub.release.finding import Finding
from stackyard.hub.release.findings import findings

ENTRY = "    - kind: ConfigMap\n      name: stackyard-profiles\n      valuesKey: values.yaml\n"


def release(spec: str = "", *, timeout: str = "30m", entry: str = ENTRY, head: str = "") -> str:
    return f"""\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: hub
{head or "  namespace: jupyterhub"}
spec:
  chart: {{spec: {{chart: jupyterhub}}}}
  timeout: {timeout}
  valuesFrom:
{entry}{spec}"""


def found(text: str) -> list[Finding]:
    return list(findings(release_in(text, "hub.yaml"), Settings()))


def test_all_is_well() -> None:
    assert found(release()) == []
    assert found(release(head="  labels: {}")) == []  # kustomize may set the namespace
    for version in ("v2beta1", "v2beta2"):
        assert found(release().replace("/v2", f"/{version}")) == []


CASES = {
    "inline": (
        release("  values:\n    singleuser:\n      profileList: []\n"),
        (15, "wins over the ConfigMap's: lists replace each other", "problem", True),
    ),
    "inline by an alias": (
        release("  values:\n    x: &x {profileList: []}\n    singleuser: *x\n"),
        (14, "lists replace each other", "problem", True),
    ),
    "inline merged": (
        release("  values:\n    singleuser:\n      <<: {profileList: []}\n"),
        (14, "lists replace each other", "problem", True),
    ),
    "missing": (
        release(entry="    - {kind: Secret, name: tls}\n"),
        (9, "does not name the ConfigMap stackyard-profiles", "problem", True),
    ),
    "twice": (release(entry=ENTRY + ENTRY), (13, "more than once", "problem", False)),
    "another key": (
        release(entry=ENTRY.replace("values.yaml", "hub.yaml")),
        (12, "is read at its key hub.yaml, and has values.yaml", "problem", True),
    ),
    "optional": (
        release(entry=ENTRY + "      optional: true\n"),
        (13, "is optional", "note", False),
    ),
    "ours with a path": (
        release(entry=ENTRY + "      targetPath: singleuser.profileList\n"),
        (13, "put the whole text there", "problem", False),
    ),
    "a path to the list": (
        release(entry="    - {kind: Secret, name: s, targetPath: 'singleuser.profileList[0].a'}\n"
                + ENTRY),
        (10, "wins over all other values", "problem", False),
    ),
    "a path to all": (
        release(entry=ENTRY + "    - {kind: Secret, name: s, targetPath: singleuser}\n"),
        (13, "wins over all other values", "problem", False),
    ),
    "merged later": (
        release(entry=ENTRY + "    - {kind: Secret, name: s}\n"),
        (13, "the Secret s is merged after the profile list", "note", False),
    ),
    "another namespace": (
        release(head="  namespace: prod"),
        (5, "in the namespace prod, and the ConfigMap in jupyterhub", "problem", False),
    ),
    "a short timeout": (
        release(timeout="10m"), (8, "spec.timeout is 10m: an upgrade waits", "problem", True)
    ),
    "no timeout": (
        release().replace("  timeout: 30m\n", ""), (6, "not set, so it is 5m", "problem", True)
    ),
    "no duration": (
        release(timeout="1800"), (8, "'1800', which is no duration", "problem", True)
    ),
    "a short timeout of upgrades": (
        release("  upgrade:\n    timeout: 5m\n    disableWait: true\n"),
        (14, "spec.upgrade.timeout is 5m: an upgrade waits until every node has pulled the new "
         "images, and fails when that is over; disableWait does not spare it", "problem", True),
    ),
    "no hooks": (
        release("  upgrade: {disableHooks: true}\n"),
        (13, "keeps the chart from pulling new images", "note", False),
    ),
    "a part of another chart": (
        release("  values:\n    jupyterhub:\n      singleuser: {}\n").replace(
            "chart: jupyterhub", "chart: our-hub"),
        (14, "the hub's values are under jupyterhub", "problem", False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_found(case: str) -> None:
    text, (line, words, level, mended) = CASES[case]
    (finding,) = found(text)
    assert words in finding.message
    assert (finding.where.line, finding.level, finding.mended) == (line, level, mended)


@pytest.mark.parametrize(
    "entry",
    [
        "    - {kind: Secret, name: s, targetPath: hub.cookieSecret}\n" + ENTRY,
        "    - {kind: Secret, name: s, targetPath: 'singleuser\\.profileList'}\n" + ENTRY,
        "    - {kind: ConfigMap, name: other}\n" + ENTRY,
        ENTRY.replace("profiles\n", "profiles-2fbk5dhmtc\n"),
    ],
)
def test_what_is_none_of_our_business(entry: str) -> None:
    assert found(release(entry=entry)) == []


OTHER = "kind: HelmRelease\napiVersion: helm.toolkit.fluxcd.io/v2\nmetadata: {name: %s}\nspec: %s\n"
BY_REFERENCE = "{chartRef: {kind: OCIRepository, name: %s}}"
REPOSITORY = (
    "kind: OCIRepository\nmetadata: {name: z2jh}\nspec: {url: 'oci://ghcr.io/x/jupyterhub'}\n"
)


def chosen(*documents: str, name: str | None = None) -> str:
    return release_in("---\n".join(documents), "hub.yaml", name).name


def test_which_release() -> None:
    dask = OTHER % ("dask", "{chart: {spec: {chart: daskhub}}}")
    assert chosen(dask, release()) == "hub"
    assert chosen(dask) == "dask"
    assert chosen(dask, OTHER % ("oci", BY_REFERENCE % "z2jh"), REPOSITORY) == "oci"
    assert chosen(dask, OTHER % ("oci", BY_REFERENCE % "unknown")) == "oci"
    assert chosen(dask, release(), name="dask") == "dask"
    assert chosen(dask, release(), name="jupyterhub/hub") == "hub"
    path = OTHER % ("git", "{chart: {spec: {chart: ./charts/jupyterhub/}}}")
    assert chosen(dask, path) == "git"


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        (release() + "---\n" + release(), None, "there are 2: jupyterhub/hub of the chart"),
        (release(), "prod", "none is called prod; there are: jupyterhub/hub"),
        ("kind: Deployment\napiVersion: apps/v1\n", None, "found: apps/v1 Deployment"),
        ("kind: HelmRelease\napiVersion: helm.fluxcd.io/v1\n", None, "helm.fluxcd.io/v1 HelmRel"),
        (OTHER % ("x", "1"), None, "it has no spec"),
        ("", None, "found: nothing of Kubernetes'"),
        ("a: [", None, "not valid YAML"),
        (OTHER % ("x", "{valuesFrom: {a: 1}}"), None, "valuesFrom is a mapping, and a list is"),
        (OTHER % ("x", "{valuesFrom: [a]}"), None, "is a single value, and a mapping is"),
    ],
)
def test_no_such_release(text: str, name: str | None, told: str) -> None:
    with pytest.raises(InputError) as caught:
        findings(release_in(text, "hub.yaml", name), Settings())
    assert told in str(caught.value)


INLINE = release("  values:\n    singleuser:\n      profileList:\n        - slug: a # x\n")


def test_the_edit_is_shown_and_made_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text(INLINE)
    path.chmod(0o640)
    with pytest.raises(ResultError, match="1 problem with how") as caught:
        helmrelease(path, Settings())
    assert caught.value.hint
    assert "--edit" in caught.value.hint
    shown = capsys.readouterr()
    assert "hub.yaml:15: problem: spec.values has a singleuser.profileList" in shown.err
    assert "-        - slug: a # x\n" in shown.out
    assert path.read_text() == INLINE
    subprocess.run(["patch", "-s", str(path)], input=shown.out.encode(), check=True)
    patched = path.read_text()
    path.write_text(INLINE)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    helmrelease(link, Settings(), edit=True)
    assert "wrote" in capsys.readouterr().err
    assert path.read_text() == patched == release()
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(tmp_path.iterdir()) == [path, link]
    helmrelease(path, Settings(), edit=True)
    done = capsys.readouterr()
    assert done.out == ""
    assert "takes the ConfigMap stackyard-profiles" in done.err


def test_what_is_not_mended_still_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text(INLINE.replace("namespace: jupyterhub", "namespace: prod"))
    with pytest.raises(ResultError, match="1 problem"):
        helmrelease(path, Settings(), edit=True)
    assert "profileList" not in path.read_text()
    with pytest.raises(InputError, match="standard input cannot be edited"):
        helmrelease(Path("-"), Settings(), edit=True)


def test_a_file_that_is_not_edited_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hub.yaml"
    text = release("  values: {singleuser: {profileList: []}}\n")
    path.write_text(text)
    with pytest.raises(ResultError):
        helmrelease(path, Settings())
    assert "values is written in braces" in capsys.readouterr().err
    with pytest.raises(InputError, match="values is written in braces"):
        helmrelease(path, Settings(), edit=True)
    assert path.read_text() == text


def test_a_file_that_sops_has_signed_is_left(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    text = release(entry="") + "sops: {mac: x}\n"
    path.write_text(text)
    with pytest.raises(InputError, match="SOPS"):
        helmrelease(path, Settings(), edit=True)
    assert path.read_text() == text


def test_a_timeout_that_flux_fills_in_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text(release("  values:\n    singleuser: {}\n", timeout="${TIMEOUT:=5m}", entry=""))
    (_, note) = found(path.read_text())
    assert (note.level, note.where.line, note.mended) == ("note", 8, False)
    assert "which Flux fills in" in note.message
    helmrelease(path, Settings(), edit=True)
    assert "  timeout: ${TIMEOUT:=5m}\n" in path.read_text()
    hook = "  values:\n    prePuller: {hook: {enabled: false}}\n"
    assert found(release(hook, timeout="${TIMEOUT}")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", 1800),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("90s", 90),
        ("1m500ms", 60.5),
        ("", None),
        ("30", None),
        ("30 m", None),
        ("m", None),
    ],
)
def test_go_durations(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_none(text: str) -> None:
    found = seconds(text)
    assert found is None or found >= 0
