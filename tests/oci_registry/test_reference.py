from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.errors import InputError
from stackyard.oci.reference import Reference, check_repository, check_tag

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("debian", Reference("docker.io", "library/debian", "latest")),
        ("debian:trixie", Reference("docker.io", "library/debian", "trixie")),
        ("jupyter/base-notebook", Reference("docker.io", "jupyter/base-notebook", "latest")),
        ("index.docker.io/debian", Reference("docker.io", "library/debian", "latest")),
        ("docker.io/debian", Reference("docker.io", "library/debian", "latest")),
        ("ghcr.io/acme/hub:1.0", Reference("ghcr.io", "acme/hub", "1.0")),
        (f"ghcr.io/acme/hub@{DIGEST}", Reference("ghcr.io", "acme/hub", None, DIGEST)),
        (f"ghcr.io/acme/hub:1@{DIGEST}", Reference("ghcr.io", "acme/hub", "1", DIGEST)),
        ("localhost/hub", Reference("localhost", "hub", "latest")),
        ("localhost:5000/hub:x", Reference("localhost:5000", "hub", "x")),
        ("127.0.0.1:5000/a/b/c", Reference("127.0.0.1:5000", "a/b/c", "latest")),
        ("[::1]:5000/a", Reference("[::1]:5000", "a", "latest")),
        ("a__b/c--d.e_f", Reference("docker.io", "a__b/c--d.e_f", "latest")),
    ],
)
def test_parses_as_docker_does(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "empty"),
        ("https://ghcr.io/acme/hub", "write ghcr.io/acme/hub"),
        ("docker://debian", "write debian"),
        (" debian", "write debian"),
        ("ghcr.io/Acme/Hub:V1", "write ghcr.io/acme/hub:V1"),
        ("debian:", "tag ''"),
        ("debian:a b", "tag 'a b'"),
        ("debian:" + "x" * 129, "at most 128"),
        ("debian@sha256:abc", "64 hex digits"),
        (f"debian@{DIGEST.replace('sha256', 'md5')}", "64 hex digits"),
        ("ghcr.io/", "''"),
        ("ghcr.io//x", "'/x'"),
        ("a/../b", "'a/../b'"),
        ("a...b", "'library/a...b'"),
        ("ghcr.io:99999/x", "port 99999"),
        ("ghcr.io:/x", "not a host name"),
        ("-x.io/y", "not a host name"),
        ("ghcr.io/" + "a" * 260, "longer than 255"),
        ("a" * 100_000, "longer than 255"),
        ("debian\n", "white space"),
    ],
)
def test_refuses_with_a_remedy(text: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        Reference.parse(text)
    assert part in str(caught.value)
    assert caught.value.hint
    assert len(caught.value.message) < 500


WORDS = st.text("abz09", min_size=1, max_size=5)
COMPONENT = st.builds(lambda a, dash, b: a + dash + b, WORDS, st.sampled_from(".-_"), WORDS)
REFERENCES = st.builds(
    Reference,
    registry=st.sampled_from(["docker.io", "ghcr.io", "localhost:5000", "[::1]:80", "A.example"]),
    repository=st.lists(COMPONENT, min_size=2, max_size=3).map("/".join),
    tag=st.builds(lambda a, b: a + b, WORDS, st.text("aZ0_.-", max_size=9)),
    digest=st.sampled_from([None, DIGEST]),
)


@given(REFERENCES)
def test_text_gives_the_reference_back(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_an_input_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InputError:
        return
    assert Reference.parse(str(reference)) == reference


def test_digest_decides_the_version() -> None:
    tagged = Reference.parse("ghcr.io/acme/hub:1")
    assert tagged.version == "1"
    assert tagged.pinned(DIGEST).version == DIGEST
    assert tagged.name == "ghcr.io/acme/hub"


def test_checks_parts_alone() -> None:
    check_repository("acme/hub")
    check_tag("v1.0")
    for bad in ("Acme", "acme/", "/acme", "a b", "a:b", ""):
        with pytest.raises(InputError):
            check_repository(bad)
    for bad in (".x", "-x", "a/b", "", "ü"):
        with pytest.raises(InputError):
            check_tag(bad)
