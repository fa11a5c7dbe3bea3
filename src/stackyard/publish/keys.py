"""Private keys that sign: plain PEM, or as cosign writes them, behind a password.

https://github.com/sigstore/sigstore/blob/main/pkg/cryptoutils (the PEM types) and
https://github.com/secure-systems-lab/go-securesystemslib/tree/main/encrypted (what is in them)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackyard.errors import InputError, OutsideError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

PASSWORD = "COSIGN_PASSWORD"  # noqa: S105 - the name of a variable
_FROM_ENV = "env://"
_LIMIT = 64 << 10
_COSIGN = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
_MOST_MEMORY = 1 << 30
_CURVE = "secp256r1"


@dataclass(frozen=True)
class SigningKey:
    """An ECDSA key on the curve P-256, which signs and knows its own signatures.

    Attributes:
        name: where it came from, for messages.
    """

    name: str
    _key: EllipticCurvePrivateKey = field(repr=False, compare=False)

    def sign(self, data: bytes) -> bytes:
        """The signature of *data*: ASN.1 DER, of its sha256."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra

        return self._key.sign(data, ECDSA(SHA256()))

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether this key made *signature* of *data*."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra

        try:
            self._key.public_key().verify(signature, data, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def load_key(place: str, environ: Mapping[str, str] = os.environ) -> SigningKey:
    """Read a private key.

    Args:
        place: a file, or ``env://NAME`` for a variable that holds the key itself.
        environ: also has the password, as ``COSIGN_PASSWORD``, for a key that has one.

    Raises:
        InputError: there is no such key, it is damaged or of another kind, or the
            password is missing or wrong.
        OutsideError: what signing needs is not installed.
    """
    doing = f"reading the signing key {place}"
    data = _from_env(place, environ, doing) if place.startswith(_FROM_ENV) else _file(place, doing)
    try:
        key = _parse(data, environ.get(PASSWORD), doing)
    except ImportError as error:
        library = (error.name or "").partition(".")[0]
        raise OutsideError(
            f"{doing}: signing needs {library}, which is not installed",
            hint="run: pip install 'stackyard[sign]'",
        ) from error
    return SigningKey(place, key)


def _from_env(place: str, environ: Mapping[str, str], doing: str) -> bytes:
    text = environ.get(place.removeprefix(_FROM_ENV))
    if not text:
        raise InputError(f"{doing}: there is no such variable", hint="set it to the key's PEM text")
    return text.encode()


def _file(place: str, doing: str) -> bytes:
    try:
        with Path(place).open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise InputError(
            f"{doing}: {error.strerror}",
            hint="make one with `cosign generate-key-pair`, or give the path of yours",
        ) from error
    if len(data) > _LIMIT:
        raise _no_key(doing, "it is too long to be a key")
    return data


def _parse(data: bytes, password: str | None, doing: str) -> EllipticCurvePrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.ec import (  # noqa: PLC0415 - an extra
        EllipticCurvePrivateKey,
    )

    sealed = _body(data)
    try:
        if sealed is not None:
            opened = _opened(sealed, _needed(password, doing), doing)
            key = serialization.load_der_private_key(opened, None)
        else:
            locked = b"ENCRYPTED" in data
            secret = _needed(password, doing).encode() if locked else None
            key = serialization.load_pem_private_key(data, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's own words can quote the key.
        if sealed is None and b"ENCRYPTED" in data:
            raise _wrong_password(doing) from None
        raise _no_key(doing, "it is no private key in PEM form") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != _CURVE:
        raise _no_key(doing, "it is not of the kind ECDSA P-256")
    return key


def _body(data: bytes) -> bytes | None:
    """What is between the lines of cosign's own PEM type; None when it is another one."""
    for kind in _COSIGN:
        begin, end = f"-----BEGIN {kind}-----".encode(), f"-----END {kind}-----".encode()
        _, found, rest = data.partition(begin)
        inner, closed, _ = rest.partition(end)
        if found and closed:
            return inner
    return None


def _opened(sealed: bytes, password: str, doing: str) -> bytes:
    """The PKCS#8 key in cosign's box."""
    from nacl.exceptions import CryptoError  # noqa: PLC0415 - an extra
    from nacl.secret import SecretBox  # noqa: PLC0415 - an extra

    try:
        document = json.loads(base64.b64decode(b"".join(sealed.split()), validate=True))
        kdf, cipher = document["kdf"], document["cipher"]
        if (kdf["name"], cipher["name"]) != ("scrypt", "nacl/secretbox"):
            raise _no_key(doing, "it is locked in a way that is not known here")
        secret = _derived(password, kdf)
        box = base64.b64decode(document["ciphertext"], validate=True)
        nonce = base64.b64decode(cipher["nonce"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        raise _no_key(doing, "it is damaged") from error
    try:
        return SecretBox(secret).decrypt(box, nonce)
    except CryptoError:
        raise _wrong_password(doing) from None


def _derived(password: str, kdf: Mapping[str, Any]) -> bytes:
    salt = base64.b64decode(kdf["salt"], validate=True)
    n, r, p = (kdf["params"][name] for name in ("N", "r", "p"))
    if not all(isinstance(value, int) for value in (n, r, p)) or p > 16:
        raise ValueError("scrypt's parameters")
    memory = 128 * r * (n + p + 2)
    if memory > _MOST_MEMORY:
        raise ValueError("scrypt's parameters")
    return hashlib.scrypt(
        password.encode(), salt=salt, n=n, r=r, p=p, maxmem=memory + (1 << 20), dklen=32
    )


def _needed(password: str | None, doing: str) -> str:
    if password is None:
        raise InputError(
            f"{doing}: it is locked with a password, and none is given",
            hint=f"set the variable {PASSWORD}",
        )
    return password


def _wrong_password(doing: str) -> InputError:
    return InputError(f"{doing}: the password is wrong", hint=f"check the variable {PASSWORD}")


def _no_key(doing: str, why: str) -> InputError:
    return InputError(
        f"{doing}: {why}",
        hint="give an ECDSA P-256 private key as PEM, such as `cosign generate-key-pair` makes",
    )
