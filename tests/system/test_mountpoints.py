"""What buildah before 1.31 removes without being asked."""

from __future__ import annotations

import pytest

from stackyard.system.mountpoints import is_removal, mount_targets

TEXT = """\
ARG B
FROM $B AS one
RUN --mount=type=tmpfs,target=/tmp --mount=type=cache,id=x,dst=/var/cache/apt/ true
RUN --network=none --mount=type=bind,source=a,"destination=/with space" <<EOF
--mount=type=cache,target=/not/this
EOF
RUN --mount=type=cache,target=relative --mount=type=cache,target=$HOME/c true
RUN echo --mount=type=cache,target=/nor/this
COPY --from=one /x /target=/y
"""


def test_targets_of_all_mounts() -> None:
    assert mount_targets(TEXT) == {"tmp", "var/cache/apt", "with space"}


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        (".wh.tmp", True),
        ("var/cache/.wh.apt", True),
        ("var/cache/apt/.wh..wh..opq", True),
        ("var/cache/.wh.apt2", False),
        ("var/cache/apt/.wh.lists", False),
        ("var/cache/.wh..wh..opq", False),
        ("tmp", False),
        ("var/cache/apt", False),
    ],
)
def test_what_removes_one(name: str, gone: bool) -> None:
    assert is_removal(name, mount_targets(TEXT)) is gone
