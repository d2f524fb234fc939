"""The WSGI application that web servers run."""

import os

from django.core.wsgi import get_wsgi_application

from config import loading

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
loading.load()
