"""Tact's own settings with the peers in place of its addresses: same database, same middleware, same server."""

import os

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS, Q_CLUSTER

INSTALLED_APPS = [*INSTALLED_APPS, "post_office", "benchmarks.peers"]
ROOT_URLCONF = "benchmarks.peers.urls"
WSGI_APPLICATION = "benchmarks.peers.wsgi.application"
POST_OFFICE = {
    "BATCH_SIZE": 1_000_000,  # one batch takes the whole queue: with less, send_queued stops early and looks fast
    "THREADS_PER_PROCESS": 5,
    "LOG_LEVEL": 0,  # nothing but each mail's own row is written
    "BATCH_DELIVERY_TIMEOUT": 3_600,
}
# As many workers, on a queue of their own that is asked for several tasks at once. What went well is not kept: that
# would cost another row for each task.
Q_CLUSTER = Q_CLUSTER | {
    "name": "peers",
    "scheduler": False,
    "poll": float(os.environ.get("PEERS_POLL", Q_CLUSTER["poll"])),
    "bulk": 5,
    "queue_limit": 10,
    "retry": 1_500,
    "save_limit": -1,
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django-q": {"level": "WARNING"},
        "post_office": {"handlers": ["console"], "level": "ERROR", "propagate": False},
    },
}
