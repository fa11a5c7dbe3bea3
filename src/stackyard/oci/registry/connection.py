"""The httpx client: certificates, proxies, timeouts, limits."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path

import certifi
import httpcore
import httpx

from stackyard import __version__
from stackyard.errors import InputError
from stackyard.oci.registry.address import is_loopback

ASKING = httpx.Timeout(connect=10, read=30, write=30, pool=None)
# A registry may copy a whole blob to object storage before it answers a PUT.
SENDING = httpx.Timeout(connect=10, read=300, write=60, pool=None)
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32)
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

# httpx offers no setting for this. With its 64 KiB a pull takes a quarter more of the CPU.
httpcore.HTTP11Connection.READ_NUM_BYTES = 256 << 10


def connect(host: str) -> httpx.Client:
    """A client for a registry and the servers that it names.

    Proxies are the environment's, but never for loopback.

    Raises:
        InputError: the environment's proxies or certificates make no sense.
    """
    direct = {*_LOOPBACK, *((host,) if is_loopback(host) else ())}
    verify = _certificates()
    try:
        return httpx.Client(
            verify=verify,
            timeout=ASKING,
            limits=_LIMITS,
            mounts={f"all://{name}": None for name in direct},
            headers={
                "User-Agent": f"stackyard/{__version__}",
                # A digest is of the bytes as stored, not as some proxy squeezed them.
                "Accept-Encoding": "identity",
            },
        )
    except (ValueError, TypeError, ImportError, httpx.InvalidURL) as error:
        raise InputError(
            f"the proxy settings in the environment cannot be used: {type(error).__name__}",
            hint="correct HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY",
        ) from error


def _certificates() -> ssl.SSLContext:
    """REQUESTS_CA_BUNDLE or SSL_CERT_FILE alone when set; else the system's and certifi's."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        if path := os.environ.get(name):
            try:
                return _trusting(path)
            except OSError as error:
                raise InputError(
                    f"reading certificates from {path}: {error.strerror or 'not a PEM file'}",
                    hint=f"{name} must name a file or a folder of PEM certificates",
                ) from error
    return _trusting(None)


@cache
def _trusting(path: str | None) -> ssl.SSLContext:
    """Reading certificates takes longer than most requests, so it is done once."""
    if path is not None:
        folder = Path(path).is_dir()
        return ssl.create_default_context(
            cafile=None if folder else path, capath=path if folder else None
        )
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
