from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from stackyard.stack.schema import schema

GOOD = """
registry: ghcr.io/{{ org }}/hub
platforms: [linux/amd64, linux/arm64]
vars: {suite: bookworm, uid: 1000, deep: {a: [1]}}
variants: {py311: {suite: bookworm}, py313: }
include: layers/*.yaml
layer_budget: 50
bytecode: false
layers:
  base:
    from: {debian: "{{ suite }}", snapshot: 20260115T000000Z}
    apt: [tini, {when: "suite == 'trixie'", value: [gdal-bin, "lib{{ n }}"]}]
  plain: {from: docker.io/library/debian:12, apt: tini}
  user:
    on: base
    user: {name: jovyan, uid: "{{ uid }}", gid: 100}
    pip: requirements.txt
    env: {PORT: 8888, DEBUG: true}
    cmd: sleep 10
    healthcheck: {test: [CMD, "true"], interval: 30s, timeout: 5, retries: "{{ n }}"}
    files: [{from: a, to: /a, mode: "0644", owner: "0:0", when: true}]
    folder: layers/own
    containerfile: C.j2
    args: {VERSION: 1.2}
    run: ["true"]
    cache: [/opt/cache/, {when: x, value: /var/cache}]
    secrets: token
images:
  i:
    layers: [user]
    variants: py311
    profile: {display_name: I, default: "{{ main }}", kubespawner_override: {mem_limit: 8G, x: [1]}}
  j:
    layers: [user]
    profile:
      display_name: J
      variants: profiles
      previous_versions: 3
      profile_options:
        resources: null
        image: {unlisted_choice: {display_name: Other, validation_regex: "a.+"}}
profile_options:
  resources: {display_name: R, choices: {small: {display_name: S, default: true}}}
"""

BAD = [
    "layers: {l: {form: x}}",
    "layers: {L: {}}",
    "layers: {l: {apt: {a: b}}}",
    "layers: {l: {from: {debian: potato}}}",
    "layers: {l: {from: {debian: trixie, oci: x}}}",
    "layers: {l: {from: {snapshot: 2026-01-15}}}",
    "layers: {l: {from: {oci: x, snapshot: 2026-01-15}}}",
    "layers: {l: {from: {debian: trixie, snapshot: today}}}",
    "layers: {l: {apt: -y}}",
    "layers: {l: {apt: [git curl]}}",
    "layers: {l: {cache: x}}",
    "layers: {l: {secrets: [../x]}}",
    "layers: {l: {args: {a-b: c}}}",
    "layers: {l: {user: {name: x}}}",
    "layers: {l: {user: {name: x, uid: -1}}}",
    "layers: {l: {user: {name: x, uid: many}}}",
    "layers: {l: {apt: [{when: x}]}}",
    "layers: {l: {files: [{from: a}]}}",
    "layers: {l: {pip: }}",
    "images: {i: {}}",
    "images: {i: {layers: [x], profile: {default: true}}}",
    "images: {i: {layers: [x], profile: {display_name: x, variants: both}}}",
    "images: {i: {layers: [x], profile: {display_name: x, previous_versions: many}}}",
    "profile_options: {A: {display_name: x}}",
    "profile_options: {a--b: {display_name: x}}",
    "profile_options: {a: {display_name: x, choices: {y: {}}}}",
    "profile_options: {a: null}",
    "platforms: [windows/amd64]",
    "layer_budget: many",
    "registry: https://ghcr.io/acme",
    "image: {}",
]


def valid(text: str) -> bool:
    # Editors read YAML 1.2; PyYAML reads `on` as a boolean unless told not to.
    document: Any = yaml.load(text.replace("on:", "'on':"), yaml.SafeLoader)
    return jsonschema.Draft202012Validator(schema()).is_valid(document)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_schema_accepts_what_load_accepts() -> None:
    assert valid(GOOD)


@pytest.mark.parametrize("text", BAD)
def test_the_schema_refuses(text: str) -> None:
    assert not valid(text)


def test_every_key_of_a_layer_is_described_or_speaks_for_itself() -> None:
    layer = schema()["$defs"]["LayerSource"]["properties"]
    plain = {"user", "healthcheck"}  # described where they are defined
    assert [k for k, v in layer.items() if "description" not in v and k not in plain] == []
