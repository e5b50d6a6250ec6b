"""Each checkout's own secret key, for where nobody has set one: `python -m orders_project.secret_key`."""

import os
import secrets
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_FILE_NAME = ".secret_key"


def ensure_secret_key_file(directory: Path) -> Path:
    """Return the file with this checkout's key, made on first use and readable for its owner only.

    Raises PermissionError when it belongs to someone else.
    """
    path = directory / _FILE_NAME
    if not path.exists():
        unfinished = directory / f"{_FILE_NAME}.{os.getpid()}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(unfinished)
        except FileExistsError:
            pass  # another process was faster; its key is as good
        finally:
            unfinished.unlink()
    if not os.access(path, os.R_OK):
        raise PermissionError(f"{path} belongs to another user. Set SECRET_KEY, or remove that file.")
    return path


def own_secret_key(directory: Path) -> str:
    """This checkout's key. Raises ImproperlyConfigured when it can neither be read nor made."""
    try:
        return ensure_secret_key_file(directory).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set, and {directory} cannot keep one ({error}). Set SECRET_KEY (or SECRET_KEY_FILE) "
            "to 50 or more random characters."
        ) from error


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{ensure_secret_key_file(Path(__file__).resolve().parent.parent)}\n")
    except OSError as error:
        sys.exit(f"No secret key: {error}")
