from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from stackyard.stack.bounded import FILTERS
from stackyard.stack.source import ImageSource, LayerSource, StackSource
from stackyard.stack.template import Templates
from stackyard.stack.values import Stack

PAGE = (Path(__file__).parents[2] / "docs" / "stack-file.md").read_text()


def test_the_first_example_loads(loaded: Callable[..., Stack]) -> None:
    example = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    stack = loaded(example, {"requirements/ml.txt": "torch\n"})
    assert [str(target) for target in stack.targets] == [
        "default:py311", "default:py313", "geo-ml:py313",
    ]  # fmt: skip


def test_the_steps_of_the_page_load(loaded: Callable[..., Stack]) -> None:
    [steps] = re.findall(r"```yaml\n(grid:.*?)```", PAGE, re.DOTALL)
    plain, template = re.findall(r"```dockerfile\n(.*?)```", PAGE, re.DOTALL)
    text = "vars: {suite: trixie}\nlayers:\n  singleuser: {from: x}\n"
    text += "".join(f"  {line}\n" for line in steps.splitlines()) + "images: {i: {layers: grid}}\n"
    for name, file in (("Containerfile.j2", template), ("Containerfile", plain)):
        stack = loaded(text.replace("Containerfile.j2", name), {f"layers/grid/{name}": file})
        made = stack.variants["default"].layers["grid"].containerfile
        assert made is not None
        assert (made.parent, made.args) == ("BASE_IMAGE", {"RELEASE": "7"})
        assert "COPY trixie.sources" in made.text or made.text == file


def test_every_key_is_on_the_page() -> None:
    for model in (StackSource, LayerSource, ImageSource):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in PAGE


def test_the_filters_are_those_that_there_are() -> None:
    [listed] = re.findall(r"these filters: (.*?)\. A template", PAGE, re.DOTALL)
    assert {*re.findall(r"`(\w+)`", listed), "d"} == set(FILTERS)


def test_the_way_round_a_comment_works() -> None:
    [written] = re.findall(r"write that as\s+`(\S.*?}name})`", PAGE)
    assert Templates().render(written, {}) == "${#name}"
