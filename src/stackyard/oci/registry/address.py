"""Hosts and addresses: what is loopback, and what may go without TLS."""

from __future__ import annotations

import ipaddress

import httpx

from stackyard.oci.reference import DOCKER_HUB

_DOCKER_HUB_API = "registry-1.docker.io"
_PORTS = {"http": 80, "https": 443}


def api_host(registry: str) -> str:
    """Where a registry's API is: itself, save for Docker Hub."""
    return _DOCKER_HUB_API if registry == DOCKER_HUB else registry


def bare(host: str) -> str:
    """A host without its port."""
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def is_loopback(host: str) -> bool:
    """Whether *host* (a name or an address, without port) is this machine."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """What must be equal for credentials to be sent along."""
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def netloc(url: httpx.URL) -> str:
    """An address's host and port, for messages."""
    return url.netloc.decode("ascii", "replace")
