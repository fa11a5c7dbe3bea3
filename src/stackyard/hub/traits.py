"""What KubeSpawner can be told in a profile: its traits, and which values they take.

Those of kubespawner 7.0.0 with jupyterhub 5.5.0 that YAML can express (hooks are
Python) and that a profile can still change. A test compares this table with the
installed KubeSpawner, so that it need not be installed where profiles are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_KINDS = {
    "text": """
        component_label default_url dns_name_template image ip k8s_api_host k8s_api_ssl_ca_cert
        namespace notebook_dir options_form pod_connect_ip pod_name_template priority_class_name
        profile_form_template pvc_name_template secret_mount_path secret_name_template
        user_namespace_template""",
    "scheme": "slug_scheme",
    "text?": """
        hub_connect_ip hub_connect_url image_pull_policy scheduler_name service_account
        storage_capacity storage_class working_dir""",
    "integer": """
        consecutive_failure_limit delete_grace_period http_timeout hub_connect_port
        k8s_api_request_retry_timeout k8s_api_request_timeout k8s_api_threadpool_workers
        poll_interval port start_timeout""",
    "integer?": "fs_gid gid uid",
    "fraction": "poll_jitter",
    "number?": "cpu_guarantee cpu_limit",
    "bytes?": "mem_guarantee mem_limit",
    "boolean": """
        debug delete_pvc delete_stopped_pods disable_user_config enable_user_namespaces
        events_enabled handle_legacy_names privileged remember_pvc_name services_enabled
        ssl_alt_names_include_local storage_pvc_ensure""",
    "boolean?": "allow_privilege_escalation automount_service_account_token k8s_api_verify_ssl",
    "list": """
        additional_profile_form_template_paths env_keep oauth_client_allowed_scopes oauth_roles
        storage_access_modes supplemental_gids""",
    "texts": "args server_token_scopes ssl_alt_names",
    "list or text": "image_pull_secrets",
    "texts or text?": "cmd",
    "list or mapping": """
        extra_containers init_containers node_affinity_preferred node_affinity_required
        pod_affinity_preferred pod_affinity_required pod_anti_affinity_preferred
        pod_anti_affinity_required tolerations volume_mounts volumes""",
    "mapping?": "apply_user_options",
    "mapping": """
        common_labels container_security_context environment extra_annotations
        extra_container_config extra_labels extra_pod_config extra_resource_guarantees
        extra_resource_limits group_overrides lifecycle_hooks node_selector pod_security_context
        storage_extra_annotations storage_extra_labels storage_selector user_namespace_annotations
        user_namespace_labels""",
}

TRAITS: Mapping[str, str] = {name: kind for kind, names in _KINDS.items() for name in names.split()}
"""Trait to the kind of its values: words of `fits`, a ``?`` at the end for null."""

_BYTES = re.compile(r"-?[0-9]+(\.[0-9]+)?[KMGT]")
_TYPES: Mapping[str, type] = {"text": str, "boolean": bool, "list": list, "mapping": dict}


def fits(kind: str, value: Any) -> bool:
    """Whether a trait of this kind takes the value."""
    if value is None:
        return kind.endswith("?")
    return any(_is(word, value) for word in kind.rstrip("?").split(" or "))


def _is(word: str, value: Any) -> bool:
    if word in _TYPES:
        return isinstance(value, _TYPES[word])
    if word == "texts":
        return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    if word == "scheme":
        return value in ("safe", "escape")
    if word == "bytes" and isinstance(value, str):
        return bool(_BYTES.fullmatch(value))
    numbers = int if word == "integer" else (int, float)
    is_number = isinstance(value, numbers) and not isinstance(value, bool)
    return is_number and (word != "fraction" or 0 <= value <= 1)
