"""Handle one POST, read from standard input as JSON, as a worker of the web server would; KILL_AT ends it.

python -m tests.chaos.killed_request
"""

import sys
from typing import cast

import django
import orjson
from django.http import HttpResponse
from django.test import Client


def main() -> None:
    django.setup()
    asked = orjson.loads(sys.stdin.buffer.read())
    answer = Client(headers=asked["headers"]).post(
        asked["path"], orjson.dumps(asked["body"]), content_type="application/json"
    )
    sys.stdout.buffer.write(cast(HttpResponse, answer).content)


if __name__ == "__main__":
    main()
