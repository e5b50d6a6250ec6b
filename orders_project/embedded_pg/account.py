"""Which system account runs the server: PostgreSQL refuses to run as root."""

import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple

_NOBODY_ID = 65534


class ServerAccount(NamedTuple):
    uid: int
    gid: int
    is_borrowed: bool

    @classmethod
    def of_this_process(cls) -> "ServerAccount":
        """Our own account, or for root the existing account `nobody`: no account is ever created."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), is_borrowed=False)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            return cls(_NOBODY_ID, _NOBODY_ID, is_borrowed=True)
        return cls(nobody.pw_uid, nobody.pw_gid, is_borrowed=True)

    @property
    def name(self) -> str | None:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return None

    def can_reach(self, path: Path) -> bool:
        """Whether a borrowed account may enter `path` and every directory above it."""
        if not self.is_borrowed:
            return True
        path = path.resolve()
        return all(directory.stat().st_mode & stat.S_IXOTH for directory in (path, *path.parents))
