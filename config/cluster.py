"""The queue's cluster made crash-only: whoever dies unplanned takes the whole group along, to be started afresh.

django-q2 replaces a dead worker, monitor or pusher and goes on. Measured, that loses or repeats work: a worker killed
while it reads the queue takes the lock with it and the cluster stands still for ever; without its monitor every task
runs again and again; children of a killed sentinel go on unguarded. A group that ends as one and is started again has
none of these states, because the truth is in rows and not in queues.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import time
from types import FrameType

from django import db
from django.conf import settings
from django_q import cluster as q2

from config import loading
from delivery import pulse, residence

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
TIMED_OUT, RECYCLED = 0, -2  # a worker's timer, as django-q2 leaves it when it ends as planned
LOOKS_EVERY_SECONDS = 0.5


class CrashOnlySentinel(q2.Sentinel):
    def reincarnate(self, process: multiprocessing.Process) -> None:
        """Replace a worker that ended as planned; end everything if anyone else is gone."""
        timer = getattr(process, "timer", None)
        if timer is None or int(timer.value) not in (TIMED_OUT, RECYCLED):
            end_group(f"{process.name} ({process.pid}) died unplanned")
        super().reincarnate(process)


class Cluster(q2.Cluster):
    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        residence.stop()  # resident drains leave their workers, or stopping would wait for them
        if self.sentinel is None:  # nobody to stop yet
            sys.exit(0)
        super().sig_handler(signum, frame)


def run() -> None:
    """Run a cluster and its pulse until told to stop (SIGTERM, SIGINT); exit non-zero if anything died."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    if sys.platform == "linux":
        os.register_at_fork(before=_remember_parent, after_in_child=_die_with_parent)
    q2.Sentinel = CrashOnlySentinel  # Cluster.start looks the name up in its module
    loading.load()
    db.connections.close_all()
    cluster = Cluster()
    beating = multiprocessing.get_context("fork").Process(
        target=pulse.run,
        args=(cluster.cluster_id.hex[:12], settings.Q_CLUSTER["workers"]),
        name="pulse",
        daemon=True,
    )
    beating.start()
    cluster.start()
    while not residence.is_stopping():
        for child in (cluster.sentinel, beating):
            if not child.is_alive() and not residence.is_stopping():
                end_group(f"{child.name} ({child.pid}) died unplanned")
        time.sleep(LOOKS_EVERY_SECONDS)
    cluster.sentinel.join()
    beating.join()


_parent = 0


def _remember_parent() -> None:
    global _parent
    _parent = os.getpid()


def _die_with_parent() -> None:
    """Ask the kernel to kill this child with its parent: nobody is left to work on unguarded."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != _parent:  # it died before we asked
        os._exit(1)


def end_group(why: str) -> None:
    """Kill every process of the cluster, this one included; whoever started it starts it again."""
    log.critical("%s: the cluster ends and is to be started afresh.", why)
    sys.stderr.flush()
    os.killpg(os.getpgrp(), signal.SIGKILL)
