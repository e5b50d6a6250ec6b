"""What the page on webhooks gives people to verify with verifies what is sent."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from events.webhooks.sealing import new_secret, shown
from events.webhooks.signing import signed_headers
from tests.papers.pages import blocks

SECRET, OTHER = new_secret(), new_secret()
BODY = '{"name": "Ørsted"}'.encode()


@pytest.fixture(scope="module")
def verify() -> Callable[..., None]:
    (snippet,) = (text for language, text in blocks("docs/webhooks.md") if language == "python")
    names: dict[str, Any] = {}
    exec(snippet, names)
    verify: Callable[..., None] = names["verify"]
    return verify


PHP_DRIVER = """
$told = json_decode(stream_get_contents(STDIN), true);
foreach ($told as [$secret, $headers, $body]) {
    try {
        verify($secret, $headers, $body);
        echo "taken\n";
    } catch (UnexpectedValueException $refusal) {
        echo $refusal->getMessage() . "\n";
    }
}
"""


def headers(*secrets: bytes, age: int = 0) -> dict[str, str]:
    return signed_headers(uuid7(), BODY, timestamp=int(time.time()) - age, secrets=secrets)


@pytest.mark.parametrize("secrets", [[SECRET], [SECRET, OTHER], [OTHER, SECRET]])
def test_what_was_signed_with_the_secret_is_taken(verify, secrets):
    verify(shown(SECRET), headers(*secrets), BODY)


def told_in_every_way() -> list[tuple[bytes, dict[str, str], bytes]]:
    """Secret, headers and body: the first two are to be taken, and the others are not, as `EXPECTED` says."""
    told = headers(SECRET)
    return [
        (SECRET, told, BODY),
        (SECRET, headers(OTHER, SECRET), BODY),
        (OTHER, told, BODY),
        (SECRET, told, BODY + b" "),
        (SECRET, told | {"webhook-id": str(uuid7())}, BODY),
        (SECRET, told | {"webhook-signature": "v1a,x v1, v1"}, BODY),
        (SECRET, headers(SECRET, age=301), BODY),
        (SECRET, headers(SECRET, age=-305), BODY),
    ]


EXPECTED = ["taken"] * 2 + ["No signature is right."] * 4 + ["It is too old, or of the future."] * 2


def test_what_was_not_is_refused(verify):
    for (secret, told, body), reason in list(zip(told_in_every_way(), EXPECTED, strict=True))[2:]:
        with pytest.raises(ValueError, match=reason):
            verify(shown(secret), told, body)


@pytest.mark.skipif(shutil.which("php") is None, reason="php is not installed (Debian: apt-get install php-cli)")
def test_in_php_as_well(tmp_path):
    (snippet,) = (text for language, text in blocks("docs/webhooks.md") if language == "php")
    program = tmp_path / "verify.php"
    program.write_text(snippet + PHP_DRIVER)
    sent = [[shown(secret), told, body.decode()] for secret, told, body in told_in_every_way()]

    said = subprocess.run(["php", program], input=json.dumps(sent), capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == EXPECTED
