"""The service for a server that speaks WSGI, and for Django's own: without the front that `asgi.py` has.

Such a server takes a thread for as long as a client sends its body, so something in front of it has to read those.
"""

import gc
import os
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from orders_project.bound_sockets import bound_addresses
from orders_project.exposure import Exposed, refuse_exposure
from orders_project.starting import log_start
from orders_project.whole_bodies import WholeBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orders_project.settings")

try:
    refuse_exposure(bound_addresses())
except Exposed as error:
    sys.exit(str(error))

application = WholeBodies(get_wsgi_application(), most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

log_start("web")

# What has been loaded stays until the end: the garbage collector need not walk it again and again.
gc.collect()
gc.freeze()
