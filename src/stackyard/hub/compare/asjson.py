"""Changes as JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stackyard.hub.compare.change import Change, Effect
from stackyard.hub.compare.summary import noticed, summary


def as_json(changes: Sequence[Change]) -> str:
    """One object: whether users notice anything, how many changes, and all of them."""
    document = {
        "noticed": noticed(changes),
        "summary": summary(changes),
        "counts": {effect: sum(c.effect is effect for c in changes) for effect in Effect},
        "changes": [_change(change) for change in changes],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _change(change: Change) -> dict[str, object]:
    return {
        "effect": change.effect,
        "kind": change.kind,
        "profile": change.profile,
        "option": change.option,
        "choice": change.choice,
        "names": list(change.names),
        "text": str(change.text),
        "consequence": change.consequence or None,
        "before": change.before,
        "after": change.after,
    }
