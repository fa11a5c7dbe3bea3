"""Tags: what they tell, and which are left out."""

from __future__ import annotations

import subprocess
from datetime import date

import pytest
from yard import MINOR, Yard

from stackyard.build.project import Project, open_project
from stackyard.errors import InputError
from stackyard.publish.tags import Moment, key_tag, moving_tags, telling_tags
from stackyard.stack.values import Target

TODAY = Moment(date(2026, 11, 24), "0123456789ab")
BOTH = Target("both", "default", "linux/amd64")


def project(yard: Yard, tags: str = "") -> Project:
    path = yard.root / "stackyard.yaml"
    if tags:
        path.write_text(f"{path.read_text()}tags: {tags}\n")
    return open_project(path)


def told(yard: Yard, tags: str = "", moment: Moment = TODAY) -> list[str]:
    opened = project(yard, tags)
    return list(telling_tags(opened.stack, opened.lock, BOTH, moment))


def test_what_there_is_without_a_word(locked: Yard) -> None:
    python, *rest = told(locked)
    assert python.startswith(f"default-python-{MINOR}.")
    # There is no JupyterLab in it, and its base is no suite.
    assert rest == ["default-2026-11-24", "default-git-0123456789ab"]


def test_no_commit_where_there_is_none(locked: Yard) -> None:
    assert told(locked, moment=Moment(date(2026, 1, 2), ""))[1:] == ["default-2026-01-02"]


def test_tags_of_one_s_own(locked: Yard) -> None:
    tags = '["{{ image }}-{{ packages.core }}", "{{ variant }}-{{ packages.app | upper }}", v1]'
    assert told(locked, tags) == ["both-1.0", "default-1.0", "v1"]


def test_none(locked: Yard) -> None:
    assert told(locked, "[]") == []


def test_what_versions_have_and_tags_may_not(locked: Yard) -> None:
    assert told(locked, "['1.0+cu12', '1!2.0~rc1']") == ["1.0-cu12", "1-2.0-rc1"]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("['{{ nope }}']", "'nope' is undefined"),
        ("['{{ variant']", "not a valid template"),
        ("['a b']", "malformed"),
        ("['-x']", "malformed"),
        (f"['{'x' * 129}']", "malformed"),
        ("['{{ variant.__class__ }}']", "not"),
    ],
)
def test_wrong_ones(locked: Yard, tags: str, message: str) -> None:
    with pytest.raises(InputError, match="tags: ") as raised:
        told(locked, tags)
    assert message in str(raised.value)


def test_those_that_move(locked: Yard) -> None:
    stack = project(locked).stack
    assert moving_tags(stack, "both", "default") == ("default", "latest")
    assert key_tag("py311", "f" * 64) == "py311-ffffffffffff"


def test_the_commit_of_a_clean_repository_only(locked: Yard) -> None:
    def git(*words: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        done = subprocess.run(
            ["git", *who, *words], cwd=locked.root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    stack = project(locked).stack
    git("init", "-q")
    assert Moment.now(stack).commit == ""
    git("add", ".")
    git("commit", "-qm", "first")
    assert Moment.now(stack).commit == git("rev-parse", "HEAD")[:12]
    locked.write("motd", "changed\n")
    assert Moment.now(stack).commit == ""
