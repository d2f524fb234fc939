"""People and what is known of them: profiles, identities, events, consent, segments, imports."""

from audiences.models.consent import ConsentChange, ErasedAddress, Erasure, Suppression
from audiences.models.definitions import (
    AttributeDefinition,
    Definition,
    EventDefinition,
    Provenance,
    Sensitivity,
)
from audiences.models.events import Event, EventTotal, Receipt, RefusedCall
from audiences.models.imports import Import, RefusedRow, RehearsedIdentity
from audiences.models.places import Place, PlacePresence
from audiences.models.profiles import Identity, Profile
from audiences.models.segments import Segment, SegmentMember, WatchedSegment

__all__ = [
    "AttributeDefinition",
    "ConsentChange",
    "Definition",
    "ErasedAddress",
    "Erasure",
    "Event",
    "EventDefinition",
    "EventTotal",
    "Identity",
    "Import",
    "Place",
    "PlacePresence",
    "Profile",
    "Provenance",
    "Receipt",
    "RefusedCall",
    "RefusedRow",
    "RehearsedIdentity",
    "Segment",
    "SegmentMember",
    "Sensitivity",
    "Suppression",
    "WatchedSegment",
]
