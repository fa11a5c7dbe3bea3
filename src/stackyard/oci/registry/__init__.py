"""OCI distribution registries: credentials, transport, pull and push.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""
