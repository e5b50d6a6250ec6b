"""Who runs a command: the user of the operating system."""

import getpass
import os


def operating_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return f"uid {os.getuid()}"


def operator_of(command: str) -> str:
    """As an actor: `system:storefronts (by ann)`."""
    return f"system:{command} (by {operating_user()})"
