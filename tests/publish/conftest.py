from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import registryserver


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Docker's registry; gives its host and port."""
    with registryserver.serve(tmp_path) as host:
        yield host
