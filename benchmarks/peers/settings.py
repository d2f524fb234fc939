"""Tact's own settings with the peers in place of its addresses: same database, same middleware, same server."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "post_office", "benchmarks.peers"]
ROOT_URLCONF = "benchmarks.peers.urls"
WSGI_APPLICATION = "benchmarks.peers.wsgi.application"
POST_OFFICE = {
    "BATCH_SIZE": 1_000_000,  # one batch takes the whole queue: with less, send_queued stops early and looks fast
    "THREADS_PER_PROCESS": 5,
    "LOG_LEVEL": 0,  # nothing but each mail's own row is written
    "BATCH_DELIVERY_TIMEOUT": 3_600,
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"post_office": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}
