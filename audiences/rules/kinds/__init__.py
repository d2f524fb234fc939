"""The kinds of conditions, one module each. A new kind is a module here and a line in the registry."""

from audiences.rules.kinds.attribute import Attribute
from audiences.rules.kinds.bucket import Bucket
from audiences.rules.kinds.consent import Consent
from audiences.rules.kinds.event import Event
from audiences.rules.kinds.language import Language
from audiences.rules.kinds.local_time import LocalTime
from audiences.rules.kinds.location import Location
from audiences.rules.kinds.message import Message
from audiences.rules.kinds.near import Near
from audiences.rules.kinds.property import Property
from audiences.rules.kinds.reachable import Reachable
from audiences.rules.kinds.segment import Segment
from audiences.rules.tree import Condition

KINDS: dict[str, type[Condition]] = {
    "attribute": Attribute,
    "event": Event,
    "message": Message,
    "segment": Segment,
    "consent": Consent,
    "reachable": Reachable,
    "location": Location,
    "near": Near,
    "language": Language,
    "local_time": LocalTime,
    "bucket": Bucket,
    "property": Property,
}
