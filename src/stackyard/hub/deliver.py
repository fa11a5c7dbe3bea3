"""The profile list as files that a cluster's tools take.

Helm merges mappings of values files and replaces lists, so whichever file comes last
with a `singleuser.profileList` gives the whole list.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from stackyard.errors import InputError
from stackyard.hub.names import check_label
from stackyard.hub.profiles import Published, profile_list
from stackyard.stack.values import Stack

_KEY = "values.yaml"
_LARGEST = 1 << 20  # what the API server takes in a ConfigMap
_LARGEST_APPLY = 262_144  # what `kubectl apply` can keep in an annotation

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def values(stack: Stack, published: Sequence[Published]) -> str:
    """Values for the Zero to JupyterHub chart: nothing but `singleuser.profileList`.

    Raises:
        InputError: as `profile_list`.
    """
    return _comment(
        f"The profile list of {stack.path.name}, written by `stackyard profiles`.",
        "Change the stack file, not this one.",
        "",
        "Helm:    helm upgrade … -f values.yaml -f THIS_FILE",
        "Argo CD: list it last in the application's helm.valueFiles.",
        "The last file with a singleuser.profileList wins: lists replace each other.",
        "A changed list restarts the hub; running servers go on.",
    ) + _values(stack, published)


def configmap(stack: Stack, published: Sequence[Published], *, name: str, namespace: str) -> str:
    """A ConfigMap whose key `values.yaml` holds the values.

    Raises:
        InputError: as `profile_list`; a name that Kubernetes does not take; or more than
            a ConfigMap holds.
    """
    document = _document(stack, published, name, namespace)
    return _comment(*_origin(stack), *_apply(document)) + _dump(document)


def flux(stack: Stack, published: Sequence[Published], *, name: str, namespace: str) -> str:
    """The ConfigMap, and in comments how a Flux HelmRelease takes its values.

    Raises:
        InputError: as `configmap`.
    """
    document = _document(stack, published, name, namespace)
    return _comment(
        *_origin(stack),
        "",
        f"The hub's HelmRelease, in the namespace {namespace}, takes it so:",
        "",
        "  spec:",
        "    timeout: 30m   # an upgrade waits until every node has pulled new images",
        "    valuesFrom:",
        "      - kind: ConfigMap",
        f"        name: {name}",
        f"        valuesKey: {_KEY}",
        "",
        "A singleuser.profileList under the HelmRelease's own spec.values wins over this",
        "one, because lists replace each other: take it out there.",
        "The label makes Flux (helm-controller 1.4.0 and later) upgrade at once when the",
        "list changes; the annotation keeps ${…} in texts as it is.",
        *_apply(document),
    ) + _dump(document)


def _origin(stack: Stack) -> tuple[str, str]:
    return (
        f"The profile list of {stack.path.name}, written by `stackyard profiles`.",
        "Change the stack file, not this one.",
    )


def _apply(document: dict[str, Any]) -> tuple[str, ...]:
    written = len(json.dumps(document, ensure_ascii=False).encode())
    if written <= _LARGEST_APPLY:
        return ()
    return (
        "",
        f"WARNING: {written:,} bytes; `kubectl apply` holds {_LARGEST_APPLY:,}.",
        "Apply it with `kubectl apply --server-side`.",
    )


def _document(
    stack: Stack, published: Sequence[Published], name: str, namespace: str
) -> dict[str, Any]:
    check_label(name, "the ConfigMap's name", longest=253)
    check_label(namespace, "the ConfigMap's namespace")
    text = _values(stack, published)
    if len(text.encode()) > _LARGEST:
        raise InputError(
            f"the profile list has {len(text.encode()):,} bytes, and a ConfigMap holds "
            f"{_LARGEST:,}",
            hint="Deliver it as a values file, or shorten the descriptions.",
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "stackyard",
                "reconcile.fluxcd.io/watch": "Enabled",
            },
            "annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"},
        },
        "data": {_KEY: LiteralScalarString(text)},
    }


def _values(stack: Stack, published: Sequence[Published]) -> str:
    return _dump({"singleuser": {"profileList": profile_list(stack, published)}})


def _comment(*lines: str) -> str:
    return "".join(f"# {' '.join(line.splitlines())}".rstrip() + "\n" for line in lines)


def _dump(document: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 1 << 30
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_quoted(document), stream)
    return stream.getvalue()


def _quoted(value: Any) -> Any:
    """Text in quotes, so that no reader, YAML 1.1 or 1.2, takes it for anything else."""
    match value:
        case dict():
            return {_quoted_key(key): _quoted(entry) for key, entry in value.items()}
        case list():
            return [_quoted(entry) for entry in value]
        case str() if not isinstance(value, LiteralScalarString):
            return DoubleQuotedScalarString(value)
        case _:
            return value


def _quoted_key(key: str) -> str:
    plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS
    return key if plain else DoubleQuotedScalarString(key)
