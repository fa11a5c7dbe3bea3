"""Real lock files: the layout stores each distinct wheel once, within the budget.

The files are not in the repository. STACKYARD_PYLOCKS names a directory with those of
the Open Data Hub workbench images (opendatahub-io/notebooks, 2026-04-15).
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

from stackyard.layout.arrange import arrange

LOCKS = os.environ.get("STACKYARD_PYLOCKS")
pytestmark = pytest.mark.skipif(not LOCKS, reason="STACKYARD_PYLOCKS is not set")


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "layout_storage.py"
    spec = importlib.util.spec_from_file_location("layout_storage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_distinct_wheel_is_stored_once(benchmark: ModuleType) -> None:
    items, images = benchmark.read_locks(Path(str(LOCKS)))
    layout = arrange(items, images, {}, limit=60)
    each = sum(item.size * len(item.needs) for item in items)
    stored = sum(group.size for group in layout.groups)
    assert len(images) == 20
    assert len(items) == 1341
    assert (round(each / 1e9, 2), round(stored / 1e9, 2)) == (18.66, 8.09)
    assert stored == sum(item.size for item in items)
    assert layout.duplicated == 0
    assert max(map(len, layout.images.values())) <= 60


def test_a_small_budget_costs_little(benchmark: ModuleType) -> None:
    items, images = benchmark.read_locks(Path(str(LOCKS)))
    layout = arrange(items, images, {}, limit=10)
    assert max(map(len, layout.images.values())) <= 10
    assert layout.duplicated < 0.012 * sum(item.size for item in items)
