"""The win-back in the languages of the shop's customers, but for one; and in one that is read from the right."""

from __future__ import annotations

from typing import NamedTuple


class Wording(NamedTuple):
    """One variant's subject and opening."""

    subject: str
    opening: str


class Words(NamedTuple):
    """A mail in one language: what its variants share, and each of them in the order of the story's."""

    preheader: str
    button: str
    taste: str
    variants: tuple[Wording, ...]

    def fields(self, variant: int, body: str) -> dict[str, str]:
        """Return the fields of a mail, its body made from the English one."""
        wording = self.variants[variant]
        for english, own in zip(
            (BUTTON, TASTE, "OPENING"), (self.button, self.taste, wording.opening), strict=True
        ):
            body = body.replace(english, own)
        return {
            "subject": wording.subject,
            "preheader": self.preheader,
            "body_format": "mjml",
            "body": body,
            "text": "",
        }


BUTTON = "See what is new"
TASTE = (
    'Not your sound? <a href="https://shop.example/taste">Tell us what is</a>, and the next crate is yours.'
)

ENGLISH = Words(
    "New arrivals, and a few old friends.",
    BUTTON,
    TASTE,
    (
        Wording(
            "{{ profile.first_name }}, the crates have been refilled",
            "Hello {{ profile.first_name }}, it has been a while. We kept your corner of the shop as you left it.",
        ),
        Wording(
            "What {{ profile.city }} is listening to",
            "Dear {{ profile.first_name }}, these are the records that leave us for {{ profile.city }} this month.",
        ),
        Wording(
            "The crates have been refilled",
            "Hello again. It has been a while, and there is a lot you have not heard yet.",
        ),
    ),
)
OTHERS = {
    "de": Words(
        "Neue Platten und ein paar alte Bekannte.",
        "Neues ansehen",
        'Nicht Ihr Klang? <a href="https://shop.example/taste">Sagen Sie uns, was Sie mögen</a>,'
        " und die nächste Kiste gehört Ihnen.",
        (
            Wording(
                "{{ profile.first_name }}, die Kisten sind wieder voll",
                "Hallo {{ profile.first_name }}, lange nicht gesehen."
                " Ihre Ecke im Laden ist noch so, wie Sie sie verlassen haben.",
            ),
            Wording(
                "Was {{ profile.city }} gerade hört",
                "Hallo {{ profile.first_name }}, diese Platten gehen in diesem Monat von uns nach {{ profile.city }}.",
            ),
            Wording(
                "Die Kisten sind wieder voll",
                "Hallo! Es ist eine Weile her, und es gibt viel, was Sie noch nicht gehört haben.",
            ),
        ),
    ),
    "es": Words(
        "Novedades y algunos viejos amigos.",
        "Ver las novedades",
        '¿No es tu estilo? <a href="https://shop.example/taste">Cuéntanos cuál es</a> y la próxima caja será para ti.',
        (
            Wording(
                "{{ profile.first_name }}, las cajas vuelven a estar llenas",
                "Hola, {{ profile.first_name }}: ha pasado tiempo."
                " Hemos guardado tu rincón de la tienda tal como lo dejaste.",
            ),
            Wording(
                "Lo que se escucha en {{ profile.city }}",
                "Hola, {{ profile.first_name }}: estos son los discos que este mes salen de aquí"
                " hacia {{ profile.city }}.",
            ),
            Wording(
                "Las cajas vuelven a estar llenas",
                "Hola de nuevo. Ha pasado tiempo, y hay mucho que aún no has oído.",
            ),
        ),
    ),
    "fr": Words(
        "Des nouveautés et quelques vieilles connaissances.",
        "Voir les nouveautés",
        'Ce n’est pas votre son ? <a href="https://shop.example/taste">Dites-nous ce que vous aimez</a>,'
        " et le prochain bac sera pour vous.",
        (
            Wording(
                "{{ profile.first_name }}, les bacs sont de nouveau pleins",
                "Bonjour {{ profile.first_name }}, cela fait longtemps."
                " Nous avons gardé votre coin du magasin tel que vous l’avez laissé.",
            ),
            Wording(
                "Ce qu’on écoute à {{ profile.city }}",
                "Bonjour {{ profile.first_name }}, voici les disques qui partent de chez nous"
                " vers {{ profile.city }} ce mois-ci.",
            ),
            Wording(
                "Les bacs sont de nouveau pleins",
                "Bonjour, cela fait longtemps, et il y a beaucoup de choses que vous n’avez pas encore entendues.",
            ),
        ),
    ),
}
ARABIC = Words(
    "إصدارات جديدة وبعض الأصدقاء القدامى.",
    "شاهد الجديد",
    'ليس هذا ذوقك؟ <a href="https://shop.example/taste">أخبرنا بما تحب</a>، والصندوق القادم لك.',
    (
        Wording(
            "{{ profile.first_name }}، عادت الصناديق ممتلئة",
            "مرحبًا {{ profile.first_name }}، مضى وقت طويل. تركنا ركنك في المتجر كما هو.",
        ),
    ),
)
