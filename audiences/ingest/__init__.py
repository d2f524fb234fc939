"""Getting data in: calls become people and what they did, set-wise, once, in one transaction."""

from audiences.ingest.calls import Origin, Refusal
from audiences.ingest.events import ensure_months
from audiences.ingest.internal import InternalEvent, record_internal, record_known_new, record_new
from audiences.ingest.reading import Parcel
from audiences.ingest.sharing import store_shared
from audiences.ingest.storing import Stored, TooMuchAtOnce, prune, store, store_each
from audiences.ingest.visits import look_around as look_around_places

__all__ = [
    "InternalEvent",
    "Origin",
    "Parcel",
    "Refusal",
    "Stored",
    "TooMuchAtOnce",
    "ensure_months",
    "look_around_places",
    "prune",
    "record_internal",
    "record_known_new",
    "record_new",
    "store",
    "store_each",
    "store_shared",
]
