"""When somebody is erased, what delivery keeps of them: rows stay and count, and say nothing of who it was."""

from __future__ import annotations

from django.conf import settings

from audiences import returning
from audiences.erasure import BATCH, IsOver, learn
from audiences.models import Erasure
from delivery.models import Delivery
from delivery.sandbox import inbox
from delivery.sandbox.keeping import INBOX_NAME
from tenants import binary

ADDRESSES = """
SELECT DISTINCT address FROM delivery_delivery WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[]) AND address <> ''
"""
# Those being handed over at this moment are left to whoever does, and come when they are settled.
BLANK = """
WITH batch AS (
    SELECT id, occasion_at FROM delivery_delivery
    WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[]) AND state <> 'sending'
      AND (state = 'planned' OR address <> '' OR provider_id <> '' OR reply <> '' OR decision IS NOT NULL
           OR event_id IS NOT NULL OR occasion LIKE 'api:%%' AND occasion NOT LIKE 'api:erased %%')
    ORDER BY id LIMIT %s FOR UPDATE
)
UPDATE delivery_delivery d
SET address = '', provider_id = '', reply = '', decision = NULL, event_id = NULL,
    occasion = CASE WHEN d.occasion LIKE 'api:%%' THEN 'api:erased ' || d.id ELSE d.occasion END,
    state = CASE WHEN d.state = 'planned' THEN 'cancelled' ELSE d.state END,
    reason = CASE WHEN d.state = 'planned' THEN 'erased' ELSE d.reason END,
    settled_at = CASE WHEN d.state = 'planned' THEN %s ELSE d.settled_at END
FROM batch b WHERE d.tenant_id = %s AND d.id = b.id AND d.occasion_at = b.occasion_at
RETURNING 1
"""
CAP_USES = "DELETE FROM delivery_capuse WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[])"


def forget(erasure: Erasure, ids: list[int], is_over: IsOver) -> bool:
    """Cancel what waits for them, and empty what was decided and sent; ``audiences.erasure`` calls it."""
    tenant = erasure.tenant
    # Asked before anything is emptied: what is settled while we are at it is emptied the next time.
    is_settled = not Delivery.objects.filter(profile_id__in=ids, state=Delivery.State.SENDING).exists()
    sent_to = {address for (address,) in binary.run(ADDRESSES, [tenant.pk, ids])}
    learn(erasure, sent_to)
    # Those they went by before, too: a suppression holds an address in plain letters.
    former = {("email", address.lower()) for address in sent_to}
    returning.remember(tenant_id=tenant.pk, addresses=former, consent={}, now=erasure.asked_at)
    if tenant.is_sandbox:
        inbox.forget(
            settings.SANDBOX_INBOX / INBOX_NAME,
            tenant=tenant.public_id.hex,
            recipients=set(erasure.known),
        )
    while binary.run(BLANK, [tenant.pk, ids, BATCH, erasure.asked_at, tenant.pk]):
        if is_over():
            return False
    binary.run(CAP_USES, [tenant.pk, ids])
    return is_settled
