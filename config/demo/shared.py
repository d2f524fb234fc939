"""What the demo's mails share: the brand's colours, and as blocks the letterhead and who signs, in each language."""

from __future__ import annotations

from campaigns.blocks import editing
from tenants import brand
from tenants.models import Tenant, User

LETTERHEAD = """<mj-section padding="28px 0 8px">
  <mj-column>
    <mj-text align="center" font-size="20px" font-weight="700" color="{{ brand.primary_color }}">
      {{ brand.name }}
    </mj-text>
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
    """Store brand and blocks, in the transaction of the caller."""
    brand.change(
        tenant=tenant,
        actor=owner,
        primary_color="#1d3557",
        background_color="#f4f1ea",
        text_color="#222222",
        website="https://shop.example",
    )
    tenant.refresh_from_db()
    editing.add(tenant=tenant, actor=owner, name="letterhead", text=LETTERHEAD)
    signature = editing.add(tenant=tenant, actor=owner, name="signature", text=SIGNATURES[""])
    editing.change(block=signature, actor=owner, texts=dict(SIGNATURES))
