"""What marketing mail must say and its author may have left out: where the brand lives, and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from campaigns import languages

ADDRESS = "brand.postal_address"
UNSUBSCRIBE = "unsubscribe_url"

_END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)

# Plain table and inline styles: it goes after whatever the author wrote, in any client.
_FRAME = (
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
    '<td align="center" style="padding:24px 16px;font-family:Arial,Helvetica,sans-serif;font-size:12px;'
    'line-height:18px;color:#6b7280">{lines}</td></tr></table>'
)
_HTML = {
    ADDRESS: "{{ brand.name }} · {{ brand.postal_address | newline_to_br }}",
    UNSUBSCRIBE: '<a href="{{ unsubscribe_url }}" style="color:#6b7280;text-decoration:underline">WORD</a>',
}
_TEXT = {
    ADDRESS: "{{ brand.name }}\n{{ brand.postal_address }}",
    UNSUBSCRIBE: "WORD: {{ unsubscribe_url }}",
}
# WORD by language: what the link is called; English where it is not among them.
_UNSUBSCRIBE = {
    "ar": "إلغاء الاشتراك", "bg": "Отписване", "ca": "Cancel·lar la subscripció", "cs": "Odhlásit odběr",
    "da": "Afmeld", "de": "Abmelden", "el": "Διαγραφή", "en": "Unsubscribe", "es": "Cancelar la suscripción",
    "eu": "Harpidetza kendu", "fa": "لغو اشتراک", "fi": "Peruuta tilaus", "fr": "Se désabonner",
    "he": "הסרה מרשימת התפוצה", "hr": "Odjava", "hu": "Leiratkozás", "id": "Berhenti berlangganan",
    "it": "Annulla l’iscrizione", "ja": "配信停止", "ko": "수신 거부", "nb": "Avslutt abonnementet",
    "nl": "Uitschrijven", "no": "Avslutt abonnementet", "pl": "Wypisz się", "pt": "Cancelar a subscrição",
    "pt-BR": "Cancelar inscrição", "ro": "Dezabonare", "ru": "Отписаться", "sk": "Odhlásiť odber",
    "sv": "Avsluta prenumerationen", "tr": "Abonelikten çık", "uk": "Відписатися", "ur": "رکنیت ختم کریں",
    "vi": "Hủy đăng ký", "zh": "退订", "zh-Hant": "取消訂閱",
}  # fmt: skip
_SAID = {ADDRESS: "the brand's postal address", UNSUBSCRIBE: "an unsubscribe link"}


@dataclass(frozen=True, slots=True)
class Footed:
    """A mail's two bodies with all they must say, and a note for the author on what was added."""

    html: str
    text: str
    notes: list[str]


def added(
    html: str,
    text: str,
    *,
    has_unsubscribe: bool,
    html_reads: Iterable[str],
    text_reads: Iterable[str],
    language: str = "",
) -> Footed:
    """Return both bodies, each ending with what it does not yet say. ``*_reads`` are the data paths of each."""
    word = _UNSUBSCRIBE[languages.language_for(language, tuple(_UNSUBSCRIBE)) or "en"]
    html_lacks = [] if has_unsubscribe else [UNSUBSCRIBE]
    html_lacks = [*([] if ADDRESS in set(html_reads) else [ADDRESS]), *html_lacks]
    text_lacks = [path for path in (ADDRESS, UNSUBSCRIBE) if path not in set(text_reads)]
    if html_lacks:
        lines = "<br>".join(_HTML[path] for path in html_lacks).replace("WORD", word)
        html = _before_end(html, _FRAME.format(lines=lines))
    if text_lacks:
        lines = "\n".join(_TEXT[path] for path in text_lacks).replace("WORD", word)
        text = f"{text.rstrip()}\n\n--\n{lines}\n"
    return Footed(html, text, _notes(html_lacks))


def _notes(lacks: list[str]) -> list[str]:
    if not lacks:
        return []
    return [
        f"A footer with {' and '.join(_SAID[path] for path in lacks)} is added: marketing mail must have it."
    ]


def _before_end(html: str, footer: str) -> str:
    ends = list(_END_OF_BODY.finditer(html))
    if not ends:
        return html + footer
    at = ends[-1].start()
    return html[:at] + footer + html[at:]
