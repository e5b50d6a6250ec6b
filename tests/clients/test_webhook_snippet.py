"""What the page on webhooks gives people to verify with in TypeScript is sound, and verifies what is sent."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from events.webhooks.sealing import shown
from tests.clients import toolchain
from tests.papers.pages import blocks
from tests.papers.test_webhook_snippets import EXPECTED, told_in_every_way

DRIVER = """
import { readFileSync } from "node:fs";

const sent: [string, Record<string, string>, string][] = JSON.parse(readFileSync(0, "utf8"));
for (const [secret, headers, body] of sent) {
  try {
    verify(secret, headers, Buffer.from(body));
    console.log("taken");
  } catch (refusal) {
    console.log((refusal as Error).message);
  }
}
"""


def test_typescript_takes_what_was_signed_and_nothing_else(tmp_path: Path):
    (snippet,) = (text for language, text in blocks("docs/webhooks.md") if language == "typescript")
    program = tmp_path / "verify.mts"
    program.write_text(snippet + DRIVER)
    types = ["--typeRoots", str(toolchain.NODE_MODULES / "@types"), "--types", "node"]
    toolchain.npx("tsc", "--strict", "--module", "nodenext", "--target", "es2022", *types, str(program))
    sent = [[shown(secret), told, body.decode()] for secret, told, body in told_in_every_way()]

    said = subprocess.run(
        ["node", program.with_suffix(".mjs")], input=json.dumps(sent), capture_output=True, text=True, check=True
    )

    assert said.stdout.splitlines() == EXPECTED
