"""What it means that venv or pip failed, in a sentence that says what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .errors import PflrmError

_HASHES = "THESE PACKAGES DO NOT MATCH THE HASHES"
_DISK = r"No space left on device|Errno 28|WinError 112|not enough space"
_CERTIFICATE = r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError"
_PROXY = r"ProxyError|Tunnel connection failed|407 Proxy"
_CONNECTION = (
    r"NewConnectionError|NameResolutionError|getaddrinfo|Connection refused|Connection reset|ConnectTimeout|"
    r"ReadTimeout|Read timed out|Max retries exceeded|IncompleteRead|Network is unreachable|"
    r"\b(?:403 Client|404 Client|50\d Server) Error"
)
_MISSING = r"No matching distribution found for (\S+)"
_HASH_FOR = r"^\s*(\S+==\S+|\S+\.whl\S*).*:\s*$"


def explain(said: Sequence[str], *, online: bool) -> PflrmError:
    """The failure behind the last lines of a step that failed. Its details hold them."""
    text = "\n".join(said)
    message, remedy = _explain(text, online)
    return PflrmError("runtime", message, remedy, text)


def _explain(text: str, online: bool) -> tuple[str, str]:
    if _HASHES in text:
        return _explain_hashes(text.partition(_HASHES)[2], online)
    if re.search(_DISK, text):
        return "The disk is full.", "Make room, or choose a folder on another disk in the preferences."
    if online and re.search(_PROXY, text):
        return "The proxy refused the connection.", "Set HTTPS_PROXY with name and password before Blender starts."
    if online and re.search(_CERTIFICATE, text):
        return "The server's certificate is not trusted.", (
            "If your network has a certificate of its own, name its file in the environment variable PIP_CERT."
        )
    if online and re.search(_CONNECTION, text):
        return "The packages could not be downloaded.", (
            "Check the network and set up again: what was downloaded is kept. Behind a proxy set HTTPS_PROXY."
        )
    if missing := re.search(_MISSING, text):
        message = f"The package {missing[1]} is missing in the folder of wheels for this Python and system."
        if online:
            message = f"The package {missing[1]} is missing on the index for this Python and system."
        return message, (
            "Look whether the system is too old (macOS 14 and glibc 2.28 are the least), or use another Python."
        )
    words = [line.strip() for line in text.splitlines() if line.strip()]
    last = next((line for line in reversed(words) if line.startswith("ERROR")), words[-1] if words else "no message")
    return f"A step of the set-up failed: {last}", "Look at the log, and copy the report for an issue."


def _explain_hashes(text: str, online: bool) -> tuple[str, str]:
    message = "A package is not the one that this version was made with; nothing was installed."
    if package := re.search(_HASH_FOR, text, re.MULTILINE):
        message = f"The package {package[1]} is not the one that this version was made with; nothing was installed."
    if online:
        return message, "Use an index that offers the original files, or tell its administrator."
    return message, "Use a folder with the original wheels, or tell who made this one."
