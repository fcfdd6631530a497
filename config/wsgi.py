"""The web application, for gunicorn."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018  the doors are loaded now, not by whoever comes first
gc.freeze()  # what is loaded stays: looking through it for rubbish took a tenth of the time
