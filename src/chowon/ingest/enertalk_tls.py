"""The old TLS of EnerTalk meters, confined: a context and a key of its own, used by nothing else.

The meters speak TLS 1.0 with AES256-SHA and do not look at the certificate. That keeps out nobody who can
reach the port, so app.py binds it as it binds a port without a token.
"""

import ssl
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from chowon.errors import Misconfigured

CIPHER: Final = "AES256-SHA:@SECLEVEL=0"
"""RSA key exchange, AES-256-CBC, SHA-1; OpenSSL 3 gives TLS 1.0 only at security level 0."""
VENDOR_HOST: Final = "eddie-ext.encoredtech.com"
"""The name that the meters ask for."""
PEM: Final = "enertalk.pem"
"""In the data folder: the listener's key and self-signed certificate."""
_KEY_BITS: Final = 2048
_VALID: Final = (datetime(2015, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC))
"""For clocks that were never set; a later end is written in a form that old readers may not know."""


def server_context(pem: Path) -> ssl.SSLContext:
    """The listener's context; key and certificate are made on first use. Errors: Misconfigured."""
    context = _old(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.options |= ssl.OP_NO_RENEGOTIATION  # costs a stranger little and us much
    try:
        if not pem.exists():
            _write(pem, self_signed())
        context.load_cert_chain(pem)
    except OSError as error:  # ssl.SSLError is one
        raise Misconfigured(
            f"{pem}: {error.strerror or error}; make it readable, or remove it: a new one "
            "is made at the next start"
        ) from error
    return context


def client_context() -> ssl.SSLContext:
    """As a meter speaks: TLS 1.0 and nothing newer, any certificate."""
    context = _old(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = ssl.TLSVersion.TLSv1
    return context


def self_signed() -> bytes:
    """A new RSA key and a certificate of it for the name that meters ask for, PEM."""
    from cryptography import x509  # noqa: PLC0415  for those with such a meter only
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, VENDOR_HOST)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID[0])
        .not_valid_after(_VALID[1])
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(VENDOR_HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _old(context: ssl.SSLContext) -> ssl.SSLContext:
    with warnings.catch_warnings():  # that it is deprecated is why it has a context of its own
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(CIPHER)
    return context


def _write(pem: Path, text: bytes) -> None:
    """Whole or not at all, and readable to nobody else."""
    with tempfile.NamedTemporaryFile(
        dir=pem.parent, prefix=f"{pem.name}.", suffix=".tmp", delete=False
    ) as file:
        file.write(text)
    Path(file.name).replace(pem)
