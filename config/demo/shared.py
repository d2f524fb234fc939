"""Words that the demo's mails share as blocks: the letterhead, and who signs, in each reader's language."""

from __future__ import annotations

from campaigns.blocks import editing
from tenants.models import Tenant, User

LETTERHEAD = """<mj-section padding="28px 0 8px">
  <mj-column>
    <mj-text align="center" font-size="20px" font-weight="700" color="#1d3557">{{ brand.name }}</mj-text>
  </mj-column>
</mj-section>
"""
SIGNATURES = {
    "": "Yours, the people behind the counter",
    "de": "Herzlich, Ihre Leute hinter dem Tresen",
    "es": "Un saludo de la gente del mostrador",
    "ca": "Una salutació de la gent del taulell",
    "eu": "Agur bero bat, mostradoreko lagunak",
    "ar": "مع أطيب التحيات من فريق المتجر",
    "ko": "매장 직원 일동 드림",
    "ro": "Cu drag, oamenii din spatele tejghelei",
    "ru": "Ваши люди за прилавком",
    "fr": "Bien à vous, l’équipe du comptoir",
}


def make(tenant: Tenant, owner: User) -> None:
    """Store the blocks, in the transaction of the caller."""
    editing.add(tenant=tenant, actor=owner, name="letterhead", text=LETTERHEAD)
    signature = editing.add(tenant=tenant, actor=owner, name="signature", text=SIGNATURES[""])
    editing.change(block=signature, actor=owner, texts=dict(SIGNATURES))
