"""The peer behind the same web server, its memory kept as ours is."""

import os

from django.core.wsgi import get_wsgi_application

from config import loading

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.settings"
application = get_wsgi_application()
loading.load()
