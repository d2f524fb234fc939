"""When somebody is erased, what sources said: no answer tells whom it was about, so all that may be theirs go."""

from __future__ import annotations

from audiences.erasure import BATCH, IsOver
from audiences.models import Erasure
from tenants import binary

# A source that asks the same for everybody fills nothing in.
PERSONAL = "tenant_id = %s AND (url LIKE '%%{%%' OR body LIKE '%%{%%')"
# In order, so that two erasures wait for one another in one direction; a portion by itself, since a plan may run what
# stands in IN more than once, and each time it would take the next ones.
ANSWERS = f"""
WITH portion AS MATERIALIZED (
    SELECT id FROM campaigns_sourceanswer
    WHERE tenant_id = %s AND source_id IN (SELECT id FROM campaigns_source WHERE {PERSONAL})
    ORDER BY id LIMIT %s FOR UPDATE
)
DELETE FROM campaigns_sourceanswer a USING portion WHERE a.tenant_id = %s AND a.id = portion.id
RETURNING 1
"""
EXAMPLES = f"UPDATE campaigns_source SET example = '' WHERE {PERSONAL} AND example <> ''"


def forget(erasure: Erasure, ids: list[int], is_over: IsOver) -> bool:
    """Forget recent answers and examples; ``audiences.erasure`` calls it."""
    tenant_id = erasure.tenant_id
    # Until a portion is not full: of a source that is asked all the time there are always a few new ones.
    while len(binary.run(ANSWERS, [tenant_id, tenant_id, BATCH, tenant_id])) == BATCH:
        if is_over():
            return False
    binary.run(EXAMPLES, [tenant_id])
    return True
