"""What the web server loads: `granian --interface wsgi orders_project.wsgi:application`."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orders_project.settings")

application = get_wsgi_application()

# What has been loaded stays until the end: the garbage collector need not walk it again and again.
gc.collect()
gc.freeze()
