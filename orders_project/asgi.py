"""What the web server loads: `manage.py serve` starts it."""

import gc
import os
import resource
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from orders_project.bound_sockets import bound_addresses, close_stalled_connections
from orders_project.exposure import Exposed, refuse_exposure

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orders_project.settings")

try:
    refuse_exposure(bound_addresses())
except Exposed as error:
    sys.exit(str(error))

_django = get_wsgi_application()

# They need the applications loaded.
from events.feed.numbering import heads_of  # noqa: E402
from orders_project.front.application import ANSWER_SECONDS, Bounds, Front  # noqa: E402
from orders_project.front.dues import Dues  # noqa: E402
from orders_project.front.feed_watch import FeedWatch  # noqa: E402
from orders_project.front.lent_connections import look_instead_of_django  # noqa: E402
from orders_project.starting import log_start  # noqa: E402

application = Front(
    _django,
    bounds=Bounds(
        threads=settings.REQUEST_THREADS,
        body_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        body_seconds=settings.BODY_SECONDS,
    ),
    dues=Dues(os.environ.get("PROMETHEUS_MULTIPROC_DIR")),
    feed=FeedWatch(heads_of),
)

close_stalled_connections(seconds=ANSWER_SECONDS)
look_instead_of_django()

# A thread that computes leaves the others waiting for so long at every turn: five milliseconds, unless it is told.
sys.setswitchinterval(0.001)

# Every connection is a file, and many systems allow a process 1,024 unless it asks for more.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))

log_start("web")

# What has been loaded stays until the end: the garbage collector need not walk it again and again.
gc.collect()
gc.freeze()
