"""What users would see change between two profile lists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from deliverycases import NASTY, offered, the_list
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stackyard.cli.profile_changes import check, diff
from stackyard.errors import InputError, ResultError
from stackyard.hub.compare.asjson import as_json
from stackyard.hub.compare.change import KINDS, Change, Effect
from stackyard.hub.compare.changes import changes
from stackyard.hub.compare.markdown import as_markdown
from stackyard.hub.compare.matching import moved
from stackyard.hub.compare.plaintext import as_text
from stackyard.hub.delivery.formats import deliver

A, B = f"@sha256:{'a' * 64}", f"@sha256:{'b' * 64}"
HUB = "ghcr.io/acme/hub"


def profile(slug: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {"slug": slug, "display_name": name or slug.title(), **more}


def with_override(**override: Any) -> list[dict[str, Any]]:
    return [profile("geo", kubespawner_override=override)]


def with_choices(*keys: str, default: str = "", **more: Any) -> list[dict[str, Any]]:
    choices: dict[str, Any] = {
        key: {"display_name": key.upper(), "kubespawner_override": {"image": f"{HUB}/{key}:1"}}
        for key in keys
    }
    if default:
        choices[default]["default"] = True
    return [
        profile(
            "geo",
            profile_options={"image": {"display_name": "Version", "choices": choices, **more}},
        )
    ]


def told(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [
        (change.effect, ", ".join(change.names), str(change.text)) for change in changes(old, new)
    ]


GEO, ML, TWO = profile("geo"), profile("ml"), [profile("geo"), profile("ml")]

CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, str, str]]]] = {
    "the same": (TWO, TWO, []),
    "nothing at all": ([], [], []),
    "gone": (TWO, [GEO], [("lost", "Ml", "the profile is gone")]),
    "added": ([GEO], TWO, [("added", "Ml", "a new profile")]),
    "added with choices": (
        [ML],
        [ML, *with_choices("py1", "py2")],
        [("added", "Geo", "a new profile, with PY1, PY2")],
    ),
    "renamed": (
        [GEO],
        [profile("geo", "Maps &amp; more")],
        [("changed", "Maps & more", "renamed: Geo → Maps & more")],
    ),
    "another slug": (
        [GEO],
        [profile("maps", "Geo")],
        [("lost", "Geo", "looks the same, but has another slug: geo → maps")],
    ),
    "a slug made of the name": ([{"display_name": "Geo ML"}], [profile("geo-ml", "Geo ML")], []),
    "another default": (
        TWO,
        [GEO, ML | {"default": True}],
        [("changed", "Ml", "is preselected now, and was not before: Geo was")],
    ),
    "the default said": (TWO, [GEO | {"default": True}, ML], []),
    "moved": (
        [*TWO, profile("r")],
        [profile("geo", default=True), profile("r"), ML],
        [("changed", "R", "moved below Geo")],
    ),
    "moved to the top": (
        [GEO | {"default": True}, ML],
        [ML, GEO | {"default": True}],
        [("changed", "Ml", "moved to the top")],
    ),
    "no move by what is new above": ([GEO | {"default": True}], [ML, GEO | {"default": True}],
                                     [("added", "Ml", "a new profile")]),
    "description": (
        [GEO | {"description": "Maps  &lt;old&gt;"}],
        [GEO | {"description": "Maps\n<new>"}],
        [("changed", "Geo", "description: Maps <old> → Maps <new>")],
    ),
    "only its HTML": (
        [GEO | {"description": "&lt;b&gt;x"}],
        [GEO | {"description": "<b>x"}],
        [("changed", "Geo", "description: the HTML in it changed: <b>x")],
    ),
    "braces escaped": (
        [GEO | {"description": "{x}"}], [GEO | {"description": "&#123;x&#125;"}], []
    ),
    "no description": (
        [GEO | {"description": "x"}], [GEO], [("changed", "Geo", "description taken out: x")]
    ),
    "more memory": (
        with_override(mem_limit="4G"),
        with_override(mem_limit="8G"),
        [("changed", "Geo", "memory limit: 4G → 8G")],
    ),
    "less memory": (
        with_override(mem_limit="8G"),
        with_override(mem_limit="4096M"),
        [("lost", "Geo", "memory limit: 8G → 4096M")],
    ),
    "as much memory": (with_override(mem_limit="4G"), with_override(mem_limit=4 << 30), []),
    "fewer CPUs": (
        with_override(cpu_limit=2),
        with_override(cpu_limit=0.5),
        [("lost", "Geo", "CPU limit: 2 → 0.5")],
    ),
    "a limit of the hub's": (
        with_override(mem_limit="8G"),
        [GEO],
        [("changed", "Geo", "memory limit: 8G → not set here")],
    ),
    "environment": (
        with_override(environment={"A": "1", "B": "{{x}}", "C": "same"}),
        with_override(environment={"B": "{{y}}", "C": "same", "D": None}),
        [
            ("changed", "Geo", "environment variable A: 1 → not set here"),
            ("changed", "Geo", "environment variable B: {x} → {y}"),
            ("changed", "Geo", "environment variable D: not set here → null"),
        ],
    ),
    "another setting": (
        with_override(extra_labels={"a": "b"}),
        with_override(extra_labels={"a": "c"}),
        [("changed", "Geo", 'extra_labels: {"a": "b"} → {"a": "c"}')],
    ),
    "true is not 1": (
        with_override(privileged=True),
        with_override(privileged=1),
        [("changed", "Geo", "privileged: true → 1")],
    ),
    "a new image": (
        with_override(image=f"{HUB}/geo:1{A}"),
        with_override(image=f"{HUB}/geo:2{B}"),
        [("changed", "Geo", f"image: {HUB}/geo:1@{'a' * 12}… → {HUB}/geo:2@{'b' * 12}…")],
    ),
    "rebuilt": (
        with_override(image=f"{HUB}/geo:1{A}"),
        with_override(image=f"{HUB}/geo:1{B}"),
        [("changed", "Geo", f"image rebuilt under the same tag: {HUB}/geo:1@{'a' * 12}… → "
          f"{HUB}/geo:1@{'b' * 12}…")],
    ),
    "another tag of the same": (
        with_override(image=f"{HUB}/geo:1{A}"),
        with_override(image=f"{HUB}/geo:2{A}"),
        [("unseen", "Geo", f"the same image, under another tag: {HUB}/geo:1@{'a' * 12}… → "
          f"{HUB}/geo:2@{'a' * 12}…")],
    ),
    "by tag and by digest": (
        with_override(image=f"{HUB}/geo:1"),
        with_override(image=f"{HUB}/geo:1{A}"),
        [("unseen", "Geo",
          f"the same image, now named by digest: {HUB}/geo:1 → {HUB}/geo:1@{'a' * 12}…")],
    ),
    "another registry": (
        with_override(image="registry.example/acme/geo:1"),
        with_override(image="ghcr.io/acme/geo:1"),
        [("changed", "Geo",
          "image from another registry: registry.example/acme/geo:1 → ghcr.io/acme/geo:1")],
    ),
    "nobody can tell": (
        with_override(image=f"{HUB}/geo{A}"),
        with_override(image=f"{HUB}/geo:1"),
        [("changed", "Geo",
          f"image, perhaps another one: {HUB}/geo@{'a' * 12}… → {HUB}/geo:1")],
    ),
    "docker's short names": (
        with_override(image="debian"), with_override(image="docker.io/library/debian:latest"), []
    ),
    "a choice gone": (
        with_choices("py1", "py2"), with_choices("py1"), [("lost", "Geo, Version, PY2",
                                                          "the choice is gone")]
    ),
    "a choice added": (
        with_choices("py1"), with_choices("py1", "py2"),
        [("added", "Geo, Version, PY2", f"a new choice: {HUB}/py2:1")],
    ),
    "another choice preselected": (
        with_choices("py1", "py2"), with_choices("py1", "py2", default="py2"),
        [("changed", "Geo, Version", "preselected: PY1 → PY2")],
    ),
    "choices in another order": (
        with_choices("py1", "py2", default="py1"), with_choices("py2", "py1", default="py1"),
        [("changed", "Geo, Version", "choices are in another order")],
    ),
    "versions where there was one image": (
        with_override(image=f"{HUB}/py1:1"),
        with_choices("py1", "py2"),
        [("added", "Geo, Version", "users can choose this now: PY1, PY2")],
    ),
    "one image where there were versions": (
        with_choices("py1", "py2"),
        with_override(image=f"{HUB}/py1:2"),
        [
            ("lost", "Geo, Version", "users no longer choose this: PY1, PY2"),
            ("changed", "Geo", f"image: {HUB}/py1:1 → {HUB}/py1:2"),
        ],
    ),
    "typed": (
        with_choices("py1"), with_choices("py1", unlisted_choice={"enabled": True}),
        [("added", "Geo, Version", "users can type something else now")],
    ),
    "typed no more": (
        with_choices("py1", unlisted_choice={"enabled": True}),
        with_choices("py1", unlisted_choice={"enabled": False}),
        [("lost", "Geo, Version", "users can no longer type something else")],
    ),
    "what may be typed": (
        with_choices("py1", unlisted_choice={"enabled": True, "validation_regex": "^a$"}),
        with_choices("py1", unlisted_choice={"enabled": True, "validation_regex": "^b$"}),
        [("changed", "Geo, Version", "what they may type: ^a$ → ^b$")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_in_the_words_of_what_users_see(case: str) -> None:
    old, new, expected = CASES[case]
    assert told(old, new) == expected


def test_keys_of_choices_and_options() -> None:
    old, new = with_choices("py1"), with_choices("py1")
    option = new[0]["profile_options"].pop("image")
    option["choices"]["py-1"] = option["choices"].pop("py1")
    new[0]["profile_options"]["version"] = option
    assert told(old, new) == [
        ("lost", "Geo, Version", "looks the same, but has another key: image → version"),
        ("lost", "Geo, Version, PY1", "looks the same, but has another key: py1 → py-1"),
    ]


def test_what_users_lose_comes_first() -> None:
    old = [*with_override(mem_limit="8G", image="a:1"), ML]
    new = [profile("new"), *with_override(mem_limit="4G", image="a:2")]
    effects = [change.effect for change in changes(old, new)]
    assert effects == sorted(effects, key=list(Effect).index)
    assert changes(old, new)[0].kind == "profile-gone"


def test_where_long_texts_differ() -> None:
    long = "All about maps, " * 40
    for old, new in (
        ([GEO | {"description": f"{long}old."}], [GEO | {"description": f"{long}new."}]),
        (with_override(cmd=[long, "old."]), with_override(cmd=[long, "new."])),
        ([profile("geo", f"{long}old.")], [profile("geo", f"{long}new.")]),
    ):
        (text,) = (str(change.text) for change in changes(old, new))
        assert "old." in text
        assert "new." in text
        assert len(text) < 400


def test_what_a_loss_means() -> None:
    gone = changes(TWO, [GEO])[0].consequence
    assert "7.0.0" in gone
    assert "7.1.0" in gone
    assert "KubeSpawner" not in changes(TWO, [GEO], "dockerspawner")[0].consequence
    assert "default choice" in changes(with_choices("a", "b"), with_choices("a"))[0].consequence


SECRETS: list[tuple[Any, Any]] = [
    ({"environment": {"API_TOKEN": "s3cr3t-1"}}, {"environment": {"API_TOKEN": "s3cr3t-2"}}),
    ({"environment": {"DB": "pg://u:s3cr3t-1@h/d"}}, {"environment": {"DB": "pg://u:s3cr3t-2@h/d"}}),
    ({"args": ["--token", "s3cr3t-1"]}, {"args": ["--token", "s3cr3t-2"]}),
    ({"args": ["--api-key=s3cr3t-1"]}, {"args": ["--x"]}),
    (
        {"extra_containers": [{"env": [{"name": "PASSWORD", "value": "s3cr3t-1"}]}]},
        {"extra_containers": [{"env": [{"name": "PASSWORD", "value": "s3cr3t-2"}]}]},
    ),
    ({"environment": 1}, {"environment": {"MY_KEY": "s3cr3t-1"}}),
    ({"mytoken": "s3cr3t-1"}, {"mytoken": "s3cr3t-2"}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), SECRETS)
def test_secrets_are_not_printed(before: Any, after: Any) -> None:
    for one, other in ((before, after), (after, before), ({}, after), (before, {})):
        found = changes(with_override(**one), with_override(**other))
        assert found
        for text in (as_text(found), as_markdown(found), as_json(found)):
            assert "s3cr3t" not in text
    option = {"unlisted_choice": {"enabled": True, "kubespawner_override": before}}
    found = changes(with_choices("a", **option), with_choices("a", unlisted_choice={"enabled": 1}))
    assert "s3cr3t" not in as_text(found) + as_json(found)


def test_the_comment_of_an_unchanged_list() -> None:
    assert as_text(()) == "No change for users.\n"
    assert "**No change for users.**" in as_markdown(())
    only = changes(with_override(image="x:1"), with_override(image=f"x:1{A}"))
    assert as_text(only).startswith(
        "No change for users. 1 reference changed, but the image is the same."
    )


def test_a_comment_is_never_too_long() -> None:
    many = [profile(f"p{number}", f"Profile {number} " + "x" * 150) for number in range(900)]
    found = changes([], many)
    text = as_markdown(found)
    assert len(text) <= 60_000
    shown = text.count("\n- ")
    assert f"… and {900 - shown} more" in text
    assert 200 < shown < 900


EVIL = (
    "@maintainer see #1 and ![x](https://example.org/x.png) [here](https://example.org) "
    "<img src=x onerror=alert(1)> | `code` ``more`` </details> https://example.org www.example.org"
)


def rendered(text: str) -> str:
    """As GitHub does it, as far as what is outside of code is concerned."""
    html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text)
    return re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize("evil", [EVIL, *(EVIL[n:] for n in range(40, 60)), "`", " `` ", "\\`x"])
def test_strangers_words_stay_words(evil: str) -> None:
    old = [profile("geo", evil), profile("gone", evil + "\n\n# heading\n- item")]
    new = [
        profile("geo", "Geo", description=evil, kubespawner_override={"environment": {evil: evil}}),
        profile("e", evil, profile_options={evil: {"choices": {evil: {"display_name": evil}}}}),
    ]
    html = rendered(as_markdown(changes(old, new)))
    for bad in ("<img", "<a ", "@maintainer", "#1", "example.org", "</details>", "alert"):
        assert bad not in html
    assert html.count("<h2>") == 1
    plain = as_text(changes(old, [profile("geo", "x\x1b[31m\u202e\u2028y")]))
    assert all(letter.isprintable() or letter == "\n" for letter in plain)


@given(st.text(max_size=40))
def test_any_name_is_shown_in_code(name: str) -> None:
    html = rendered(as_markdown(changes([], [profile("x", name)])))
    item = html[html.index("<li>") :]
    assert re.sub(r"<[^>]+>", "", item).strip() in {": a new profile", "(nothing): a new profile"}


def test_json_for_programs() -> None:
    old, new = with_override(mem_limit="8G"), with_override(mem_limit="4G")
    document = json.loads(as_json(changes(old, new)))
    assert document["noticed"] == 1
    assert document["counts"] == {"lost": 1, "changed": 0, "added": 0, "unseen": 0}
    (change,) = document["changes"]
    assert change["kind"] == "setting"
    assert (change["profile"], change["before"], change["after"]) == ("geo", "8G", "4G")


@given(st.permutations(range(7)), st.permutations(range(7)))
def test_the_fewest_moves(one: list[int], other: list[int]) -> None:
    old, new = [str(n) for n in one], [str(n) for n in other]
    gone = moved(old, new)
    assert [key for key in old if key not in gone] == [key for key in new if key not in gone]
    assert moved(old, old) == []
    shifted = [*old[1:], old[0]]
    assert len(moved(old, shifted)) == 1


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
LISTS = st.lists(
    st.fixed_dictionaries(
        {"display_name": st.text(max_size=6)},
        optional={
            "slug": st.sampled_from("abc"),
            "description": ANY,
            "default": ANY,
            "kubespawner_override": st.dictionaries(
                st.sampled_from(["image", "mem_limit", "environment", "x"]), ANY
            ),
            "profile_options": st.dictionaries(
                st.sampled_from("op"),
                st.fixed_dictionaries(
                    {},
                    optional={
                        "display_name": ANY,
                        "choices": st.dictionaries(st.sampled_from("uvw"), ANY),
                        "unlisted_choice": ANY,
                    },
                ),
            ),
        },
    ),
    max_size=4,
)


@given(LISTS, LISTS)
def test_any_two_lists_compare(old: list[Any], new: list[Any]) -> None:
    found = changes(old, new)
    assert changes(new, new) == ()
    assert {change.kind for change in found} <= set(KINDS)
    json.loads(as_json(found))
    assert as_text(found)
    assert as_markdown(found)
    assert all(isinstance(change, Change) for change in found)


def test_check_says_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deployed = tmp_path / "deployed.json"
    profiles = [dict(entry) for entry in the_list(NASTY)]
    deployed.write_text(json.dumps(profiles))
    check(deployed, offered(NASTY))
    assert capsys.readouterr().out == "No change for users.\n"
    deployed.write_text(json.dumps(the_list(NASTY, by="tag")))
    check(deployed, offered(NASTY))
    assert capsys.readouterr().out.startswith("No change for users. ")
    deployed.write_text(json.dumps(profiles[1:]))
    with pytest.raises(ResultError, match="is not what is published: 1 change for users"):
        check(deployed, offered(NASTY))
    assert "a new profile" in capsys.readouterr().out


def test_check_of_dockerspawners_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = deliver("dockerspawner", NASTY, offered(NASTY, by="tag"))
    deployed = tmp_path / "profiles.py"
    deployed.write_text(made.text)
    check(deployed, offered(NASTY))
    assert capsys.readouterr().out.startswith("No change for users.")
    deployed.write_text(made.text.replace(":py311-abc123", ":py311-old", 1))
    with pytest.raises(ResultError):
        check(deployed, offered(NASTY))
    (tmp_path / "list.json").write_text(json.dumps([GEO]))
    with pytest.raises(InputError, match="the other DockerSpawner's"):
        diff(tmp_path / "list.json", deployed)


@pytest.mark.parametrize("name", ["values", "configmap", "flux", "argocd", "kubespawner", "json"])
def test_what_is_delivered_is_read_back(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ("profiles.py" if name == "kubespawner" else "profiles.yaml")
    path.write_text(deliver(name, NASTY, offered(NASTY)).text)
    check(path, offered(NASTY), as_json=True)
    assert json.loads(capsys.readouterr().out)["changes"] == []


def test_diff_of_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.yaml"
    one.write_text(json.dumps(TWO))
    other.write_text("- {display_name: Geo, slug: geo}\n")
    diff(one, other)
    assert capsys.readouterr().out.startswith("## ")
    diff(Path("/dev/null"), other, as_json=True)
    assert json.loads(capsys.readouterr().out)["counts"]["added"] == 1
    with pytest.raises(InputError, match="both lists"):
        diff(Path("-"), Path("-"))
