"""Which of the project's own files change, for `manage.py run --reload`; needs a development requirement."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import watchfiles
from django.apps import apps
from django.conf import settings
from django.template import engines

_QUIET_MS = 50  # a save, or a checkout of many files, has ended when nothing changes for this long
_LONGEST_MS = 500
_SUFFIXES = {".py", ".sql", ".html", ".css", ".svg", ".json", ".yaml"}

# It would tell how many files changed; the command says which.
logging.getLogger("watchfiles.main").setLevel(logging.WARNING)


def source_changes() -> Iterator[set[Path]]:
    """Each `next` gives the files changed since the last one, mostly none, and takes a moment."""
    for changes in watchfiles.watch(
        *_source_directories(),
        watch_filter=_IsSource(),
        step=_QUIET_MS,
        debounce=_LONGEST_MS,
        rust_timeout=_QUIET_MS,
        yield_on_timeout=True,
    ):
        yield {Path(path) for _, path in changes}


class _IsSource(watchfiles.DefaultFilter):
    """No file that an editor writes on its way."""

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        return super().__call__(change, path) and Path(path).suffix in _SUFFIXES


def _source_directories() -> set[Path]:
    """Those of our apps and of the templates: all code, SQL, descriptions and pages are in there, and nothing else."""
    used = {Path(app.path).resolve() for app in apps.get_app_configs()}
    used |= {Path(directory).resolve() for engine in engines.all() for directory in engine.dirs}
    return {directory for directory in used if directory.parent == settings.BASE_DIR}
