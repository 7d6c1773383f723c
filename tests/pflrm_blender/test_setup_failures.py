"""What pip says, and what the artist is told. The words are pip's."""

import pytest
from pflrm.pflrm_blender.setup_failures import explain

RETRY = "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by "
NOT_FOUND = "ERROR: No matching distribution found for torch==2.13.0+cu130"


@pytest.mark.parametrize(("said", "online", "message", "remedy"), [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", True,
     "disk is full", "another disk"),
    (RETRY + "'ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))'\n" + NOT_FOUND, True,
     "proxy refused", "HTTPS_PROXY"),
    (RETRY + "'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))'\n" + NOT_FOUND, True,
     "not trusted", "PIP_CERT"),
    (RETRY + "'NewConnectionError(': [Errno -3] Temporary failure in name resolution')'\n" + NOT_FOUND, True,
     "could not be downloaded", "is kept"),
    ("ERROR: HTTP error 403\nrequests.exceptions.HTTPError: 403 Client Error: Forbidden", True,
     "could not be downloaded", "Check the network"),
    ("ERROR: Could not find a version\n" + NOT_FOUND, True, "torch==2.13.0+cu130 is missing on the index", "macOS 14"),
    ("ERROR: Could not find a version\n" + NOT_FOUND, False, "missing in the folder of wheels", "another Python"),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated ...\n"
     "    numpy==2.4.6 from https://files.example/numpy-2.4.6.whl (from -r requirements.txt (line 3)):\n"
     "        Expected sha256 1\n             Got        2", True, "The package numpy==2.4.6 is not", "original files"),
    ("a\nERROR: something new\nb", True, "A step of the set-up failed: ERROR: something new", "log"),
    ("", False, "no message", "log"),
])  # fmt: skip
def test_a_failure_in_words(said, online, message, remedy):
    error = explain(said.splitlines(), online=online)
    assert message in error.message
    assert remedy in error.remedy
    assert error.details == said
    assert error.kind == "runtime"
