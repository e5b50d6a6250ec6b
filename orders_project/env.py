"""Typed reading of environment variables, loud when a value is wrong."""

import os
from pathlib import Path

from environs import Env

env = Env(expand_vars=False)


def env_secret(name: str) -> str | None:
    """Value of `name`, or the content of the file that `name`_FILE points to (as container secrets are given)."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        return Path(path).read_text().strip()
    return os.environ.get(name) or None


def env_names(name: str, default: list[str] | None = None) -> list[str]:
    """Comma-separated names; spaces around them and empty ones are dropped."""
    return [part.strip() for part in env.list(name, default or []) if part.strip()]
