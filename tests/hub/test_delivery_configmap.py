"""ConfigMaps for kubectl, Flux and kustomize; kustomize itself where it is at hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from deliverycases import NASTY, chart_problems, offered, read, the_list
from hubcases import CAMPUS, stack

from stackyard.errors import InputError
from stackyard.hub.delivery.formats import deliver
from stackyard.hub.delivery.shape import Settings
from stackyard.stack.values import Profile

ASKED = Settings("profiles", "jhub", ("registry",))
KUBECTL = shutil.which("kubectl")


def comments(text: str) -> list[str]:
    return [line.removeprefix("# ") for line in text.splitlines() if line.startswith("#")]


@pytest.mark.parametrize("format_name", ["configmap", "flux"])
@pytest.mark.parametrize("of", [CAMPUS, NASTY], ids=["campus", "nasty"])
def test_a_configmap_as_flux_and_kustomize_want_it(format_name: str, of: Any) -> None:
    document = read(deliver(format_name, of, offered(of), ASKED).text)
    assert (document["apiVersion"], document["kind"]) == ("v1", "ConfigMap")
    metadata = document["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("profiles", "jhub")
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "stackyard",
        "reconcile.fluxcd.io/watch": "Enabled",
    }
    assert metadata["annotations"] == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    assert list(document["data"]) == ["values.yaml"]
    values = read(document["data"]["values.yaml"])
    assert values == {
        "singleuser": {"profileList": the_list(of)},
        "imagePullSecrets": [{"name": "registry"}],
    }
    assert chart_problems(values) == []


@pytest.mark.parametrize("format_name", ["configmap", "flux", "kustomize"])
def test_a_line_added_to_the_stack_file_changes_nothing(format_name: str) -> None:
    """A changed ConfigMap has consequences, a moved line has none."""
    moved = [type(o)(o.profile, o.image, type(o.where)("b.yaml", 99)) for o in offered(CAMPUS)]
    assert deliver(format_name, CAMPUS, moved) == deliver(format_name, CAMPUS, offered(CAMPUS))


@pytest.mark.parametrize("format_name", ["flux", "kustomize"])
def test_flux_is_told_how_to_take_it(format_name: str) -> None:
    told = comments(next(iter(deliver(format_name, CAMPUS, offered(CAMPUS), ASKED).files.values())))
    start = told.index("  spec:")
    assert read("\n".join(told[start : start + 6])) == {
        "spec": {
            "timeout": "30m",
            "valuesFrom": [{"kind": "ConfigMap", "name": "profiles", "valuesKey": "values.yaml"}],
        }
    }
    text = " ".join(told)
    assert "a singleuser.profileList in spec.values wins over this one" in text
    assert ("1.4.0" in text) == (format_name == "flux")


def sized(count: int, length: int, letter: str = "x") -> Any:
    return stack({f"i{n}": {"v": Profile(f"A{n}", letter * length)} for n in range(count)})


@pytest.mark.parametrize("format_name", ["configmap", "flux", "kustomize"])
def test_a_list_that_a_configmap_cannot_hold(format_name: str) -> None:
    images = {
        f"i{n}": {"v": Profile(f"A{n}", "x" * (9000 if n == 7 else 4000))} for n in range(300)
    }
    case = stack(images)
    with pytest.raises(InputError, match=r"1,048,576; the profile of image i7 takes most") as told:
        deliver(format_name, case, offered(case))
    assert str(told.value.where) == "stackyard.yaml:8"
    assert deliver("values", case, offered(case)).files


def test_a_list_that_plain_kubectl_apply_cannot_hold() -> None:
    for of, large in ((sized(100, 2000), False), (sized(100, 3000), True)):
        made = deliver("configmap", of, offered(of))
        assert ("WARNING" in made.text) == large
        assert any("--server-side" in note for note in made.notes) == large
        assert (len(json.dumps(read(made.text))) > 262_144) == large


def test_what_go_escapes_counts() -> None:
    """kubectl keeps the object as Go's JSON, which has `&` in six characters."""
    plain, escaped = sized(50, 3600), sized(50, 600, "&")
    made = [deliver("configmap", of, offered(of)) for of in (plain, escaped)]
    assert len(made[1].text) < len(made[0].text) < 262_144
    assert [bool(m.notes) for m in made] == [False, True]


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("A", "b"),
        ("a", "b.c"),
        ("a\nb: c", "b"),
        ("", "b"),
        ("a", ""),
        ("a" * 254, "b"),
        ("a..b", "b"),
    ],
)
def test_names_that_kubernetes_refuses(name: str, namespace: str) -> None:
    with pytest.raises(InputError, match=r"ConfigMap's name.*Kubernetes"):
        Settings(name, namespace)


def test_a_name_that_the_hash_makes_too_long() -> None:
    with pytest.raises(InputError, match="at most 242"):
        deliver("kustomize", CAMPUS, offered(CAMPUS), Settings("a" * 243))


def test_the_kustomize_folder() -> None:
    files = deliver("kustomize", CAMPUS, offered(CAMPUS), ASKED).files
    assert list(files) == ["kustomization.yaml", "kustomizeconfig.yaml", "values.yaml"]
    main = read(files["kustomization.yaml"])
    assert main["configMapGenerator"] == [
        {"name": "profiles", "namespace": "jhub", "files": ["values.yaml=values.yaml"]}
    ]
    assert main["configurations"] == ["kustomizeconfig.yaml"]
    assert read(files["kustomizeconfig.yaml"]) == {
        "nameReference": [
            {
                "kind": "ConfigMap",
                "version": "v1",
                "fieldSpecs": [{"path": "spec/valuesFrom/name", "kind": "HelmRelease"}],
            }
        ]
    }
    assert read(files["values.yaml"])["singleuser"]["profileList"] == the_list(CAMPUS)


RELEASE = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: hub, namespace: jhub}
spec:
  valuesFrom:
    - {kind: ConfigMap, name: others}
    - {kind: ConfigMap, name: profiles, valuesKey: values.yaml}
"""


def kustomize(folder: Path) -> dict[str, Any]:
    words = [str(KUBECTL), "kustomize", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {document["kind"]: document for document in yaml.safe_load_all(done.stdout)}


@pytest.mark.real
@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_kustomize_gives_the_release_a_new_name_when_the_list_changes(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "release.yaml").write_text(RELEASE)
    (tmp_path / "kustomization.yaml").write_text("resources: [release.yaml, profiles]\n")
    names = []
    for of in (CAMPUS, NASTY, CAMPUS):
        for name, text in deliver("kustomize", of, offered(of), ASKED).files.items():
            (tmp_path / "profiles" / name).write_text(text)
        found = kustomize(tmp_path)
        metadata = found["ConfigMap"]["metadata"]
        assert metadata["namespace"] == "jhub"
        assert metadata["labels"] == {"app.kubernetes.io/managed-by": "stackyard"}
        assert metadata["annotations"] == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
        values = read(found["ConfigMap"]["data"]["values.yaml"])
        assert values["singleuser"]["profileList"] == the_list(of)
        told = [entry["name"] for entry in found["HelmRelease"]["spec"]["valuesFrom"]]
        assert told == ["others", metadata["name"]]
        names.append(metadata["name"])
    assert names[0].startswith("profiles-")
    assert names[0] == names[2] != names[1]


@pytest.mark.real
@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@pytest.mark.parametrize("format_name", ["configmap", "flux"])
def test_kubernetes_own_reader_sees_the_same(format_name: str, tmp_path: Path) -> None:
    text = deliver(format_name, NASTY, offered(NASTY), ASKED).text
    (tmp_path / "configmap.yaml").write_text(text)
    (tmp_path / "kustomization.yaml").write_text("resources: [configmap.yaml]\n")
    found = kustomize(tmp_path)["ConfigMap"]
    assert found == read(text)
