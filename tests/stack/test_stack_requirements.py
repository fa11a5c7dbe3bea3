from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.stack.problems import Problems
from stackyard.stack.requirements import RequirementError, read_requirements, requirement


@pytest.mark.parametrize(
    "text",
    [
        "numpy",
        "jupyterlab>=4.4,<5",
        "jupyterhub==5.*",
        "dask[array,dataframe]>=2024",
        "tomli; python_version < '3.11'",
        "zope.interface",
        "a===1",
    ],
)
def test_requirements_are_kept_as_written(text: str) -> None:
    assert requirement(f" {text} ") == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("numpy>=", "not a requirement"),
        ("num py", "not a requirement"),
        ("", "not a requirement"),
        ("pkg @ https://example.org/p.whl", "by URL"),
        ("https://example.org/p-1.tar.gz", "a place"),
        ("git+https://github.com/acme/p", "a place"),
        ("./wheels/p-1-py3-none-any.whl", "a place"),
        ("/srv/p.whl", "a place"),
        ("../p", "a place"),
        ("p-1-py3-none-any.whl", "a place"),
        ("-e .", "editable"),
        ("--editable=.", "editable"),
        ("-r more.txt", "pip: FILE"),
        ("-c bounds.txt", "constraints"),
        ("--constraint bounds.txt", "constraints"),
        ("--index-url https://user:secret@example.org/simple", "the machine's setting"),
        ("--extra-index-url=https://example.org/simple", "the machine's setting"),
        ("-f wheels", "the machine's setting"),
        ("--pre", "--pre"),
        ("p==1 --hash=sha256:00", "the lock records them"),
        ("p==1 --config-settings=x", "options"),
        ("p; 'a' < 'b'", "cannot be evaluated"),
        ("p; os_name ~= 'x'", "cannot be evaluated"),
    ],
)
def test_what_is_no_package_of_an_index_is_refused(text: str, told: str) -> None:
    with pytest.raises(RequirementError) as error:
        requirement(text)
    message = f"{error.value.message}; {error.value.hint}"
    assert told in message
    assert "secret" not in message


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[tuple[str, ...], list[str]]]:
    def read_all(**files: str) -> tuple[tuple[str, ...], list[str]]:
        (tmp_path / "in").mkdir()
        for name, text in files.items():
            (tmp_path / "in" / f"{name}.txt").write_text(text)
        problems = Problems()
        found = read_requirements(tmp_path, Path(), "in/a.txt", problems)
        return found, [str(problem) for problem in problems.found]

    return read_all


def test_a_file_is_read_as_pip_does(read: Callable[..., object]) -> None:
    text = """# comment
    numpy>=2  # why
    pandas \\
      >=2
    -r b.txt
    --requirement=b.txt

    x[y]; sys_platform == 'linux'
    """
    found = ("numpy>=2", "pandas   >=2", "scipy", "scipy", "x[y]; sys_platform == 'linux'")
    got, problems = read(a=text, b="scipy")  # type: ignore[misc]
    assert ([" ".join(line.split()) for line in got], problems) == (
        [" ".join(line.split()) for line in found],
        [],
    )


def test_each_wrong_line_of_a_file_is_told(read: Callable[..., object]) -> None:
    text = (
        "numpy\n-c x.txt\n-r ../../up.txt\n-r none.txt\n-r a.txt\n-r /etc/passwd\nfoo bar\n-e .\n"
    )
    got, problems = read(a=text)  # type: ignore[misc]
    assert got == ("numpy",)
    assert [problem.split(": ")[0] for problem in problems] == [
        f"in/a.txt:{n}" for n in range(2, 9)
    ]
    assert "leaves the project" in problems[1]
    assert "is not there" in problems[2]
    assert "in/a.txt → in/a.txt" in problems[3]
    assert "not relative" in problems[4]


def test_a_file_that_cannot_be_read_is_told(read: Callable[..., object], tmp_path: Path) -> None:
    _, problems = read(b="x")  # type: ignore[misc]
    assert problems == ["in/a.txt: reading requirements: it is not a file"]
    (tmp_path / "in/a.txt").write_bytes(b"\xff\xfe")
    told = Problems()
    assert read_requirements(tmp_path, Path(), "in/a.txt", told) == ()
    assert "not UTF-8" in str(next(iter(told.found)))
