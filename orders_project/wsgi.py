"""What the web server loads: `granian --interface wsgi orders_project.wsgi:application`."""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from orders_project.whole_bodies import WholeBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orders_project.settings")

application = WholeBodies(get_wsgi_application(), most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

# What has been loaded stays until the end: the garbage collector need not walk it again and again.
gc.collect()
gc.freeze()
