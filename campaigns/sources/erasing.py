"""When somebody is erased, what sources said: no answer tells whom it was about, so all that may be theirs go."""

from __future__ import annotations

from audiences import binary
from audiences.erasure import IsOver
from audiences.models import Erasure

# A source that asks the same for everybody fills nothing in.
PERSONAL = "tenant_id = %s AND (url LIKE '%%{%%' OR body LIKE '%%{%%')"
ANSWERS = f"""
DELETE FROM campaigns_sourceanswer
WHERE tenant_id = %s AND source_id IN (SELECT id FROM campaigns_source WHERE {PERSONAL})
"""
EXAMPLES = f"UPDATE campaigns_source SET example = '' WHERE {PERSONAL} AND example <> ''"


def forget(erasure: Erasure, ids: list[int], is_over: IsOver) -> bool:
    """Forget recent answers and examples; ``audiences.erasure`` calls it."""
    binary.run(ANSWERS, [erasure.tenant_id, erasure.tenant_id])
    binary.run(EXAMPLES, [erasure.tenant_id])
    return True
