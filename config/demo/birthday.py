"""The shop's tenth birthday, told in nine languages: dates and money as each reader writes them, Arabic mirrored."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from campaigns import drafts, launching
from campaigns.models import Version
from config.demo import ways
from config.demo.ways import Fields, Way
from tenants import clock
from tenants.models import Tenant, User

NAME = "Ten years of Second Spin"
STARTS_AFTER = timedelta(days=28, hours=7)
LATENESS_HOURS = 30 * 24  # in the replay a day lasts less than a second


class Told(NamedTuple):
    """The mail's words in one language."""

    subject: str
    headline: str
    greeting: str
    opening: str
    first: str
    orders: str
    last: str
    gift: str
    code: str
    button: str
    closing: str

    def fields(self) -> Fields:
        body = BODY
        for name in self._fields:
            body = body.replace(name.upper(), getattr(self, name))
        return ways.mail(self.subject, body, self.gift)


def launch(tenant: Tenant, owner: User) -> None:
    """Launch it, in the transaction of the caller."""
    now = clock.now(tenant)
    version = ways.draft(tenant, owner, NAME, of="Regulars")
    drafts.set_schedule(
        version=version,
        actor=owner,
        when=Version.When.AT,
        starts_at=now + STARTS_AFTER,
        lateness_hours=LATENESS_HOURS,
        when_capped=Version.WhenCapped.WAIT,
    )
    ways.write(version, owner, [Way("A", {tag: told.fields() for tag, told in TOLD.items()})])
    launching.launch(version=version, actor=owner, now=now)


BODY = """<mjml>
  <mj-head>
    <mj-attributes>
      <mj-text font-size="16px" line-height="1.6" color="#2b2118" />
      <mj-button background-color="#c8553d" border-radius="6px" font-size="16px" inner-padding="12px 28px" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#f4ece1">
    <mj-section padding="16px 0 0"><mj-column /></mj-section>
    <mj-section background-color="#16324f" border-radius="12px 12px 0 0" padding="36px 24px 28px">
      <mj-column>
        <mj-text align="center" font-size="14px" font-weight="600" color="#f2c14e">Second Spin Records</mj-text>
        <mj-text align="center" font-size="76px" line-height="1" font-weight="800" color="#f4ece1">10</mj-text>
        <mj-text align="center" font-size="26px" line-height="1.3" font-weight="700" color="#ffffff">HEADLINE</mj-text>
      </mj-column>
    </mj-section>
    <mj-section background-color="#ffffff" padding="24px 24px 0">
      <mj-column>
        <mj-text font-weight="600" padding-bottom="0">GREETING</mj-text>
        <mj-text>OPENING</mj-text>
        <mj-text padding-top="0">{% render "signature" %}</mj-text>
      </mj-column>
    </mj-section>
    <mj-section background-color="#ffffff" padding="0 16px">
      <mj-column>
        <mj-text align="center" font-size="13px" color="#7a6a58" padding="10px 4px 0">FIRST</mj-text>
        <mj-text align="center" font-size="16px" font-weight="700" color="#16324f" padding="0 4px 10px">
          {{ profile.events.order_completed.first_at | local_date: "long" }}</mj-text>
      </mj-column>
      <mj-column>
        <mj-text align="center" font-size="13px" color="#7a6a58" padding="10px 4px 0">ORDERS</mj-text>
        <mj-text align="center" font-size="16px" font-weight="700" color="#16324f" padding="0 4px 10px">
          {{ profile.events.order_completed.count | number }}</mj-text>
      </mj-column>
      <mj-column>
        <mj-text align="center" font-size="13px" color="#7a6a58" padding="10px 4px 0">LAST</mj-text>
        <mj-text align="center" font-size="16px" font-weight="700" color="#16324f" padding="0 4px 10px">
          {{ profile.events.order_completed.last.total | money }}</mj-text>
      </mj-column>
    </mj-section>
    <mj-section background-color="#ffffff" padding="12px 24px 8px">
      <mj-column background-color="#fdf6e9" border="2px dashed #c8553d" border-radius="10px" padding="14px 8px">
        <mj-text align="center" font-size="21px" line-height="1.35" font-weight="700" color="#b0432c">GIFT</mj-text>
        <mj-text align="center" font-size="15px" padding-top="0">CODE: <b><bdi>TEN-YEARS</bdi></b></mj-text>
        <mj-button href="https://shop.example/ten">BUTTON</mj-button>
      </mj-column>
    </mj-section>
    <mj-section background-color="#ffffff" border-radius="0 0 12px 12px" padding="0 24px 20px">
      <mj-column>
        <mj-text align="center" font-size="13px" color="#7a6a58">CLOSING</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""

TOLD = {
    "": Told(
        subject="Ten years of Second Spin, and a gift for you",
        headline="Ten years, one long groove",
        greeting="Dear {{ profile.first_name | default: 'friend of the shop' }},",
        opening="Ten years ago we opened with two crates and a kettle. You are one of the reasons we are still here, "
        "so the first round is on us.",
        first="Your first order",
        orders="Orders so far",
        last="The latest",
        gift="{{ 10 | money }} off your next record",
        code="Your code",
        button="Choose a record",
        closing="Good for thirty days, in our shops and online.",
    ),
    "es": Told(
        subject="Diez años de Second Spin y un regalo para ti",
        headline="Diez años, un solo surco",
        greeting="Hola{% if profile.first_name %}, {{ profile.first_name }}{% endif %}:",
        opening="Hace diez años abrimos con dos cajas de discos y una tetera. Tú eres una de las razones por las que "
        "seguimos aquí, así que la primera ronda la pagamos nosotros.",
        first="Tu primer pedido",
        orders="Pedidos hasta hoy",
        last="El último",
        gift="{{ 10 | money }} de descuento en tu próximo disco",
        code="Tu código",
        button="Elegir un disco",
        closing="Válido durante treinta días, en nuestras tiendas y en línea.",
    ),
    "ca": Told(
        subject="Deu anys de Second Spin i un regal per a tu",
        headline="Deu anys, un sol solc",
        greeting="Hola{% if profile.first_name %}, {{ profile.first_name }}{% endif %},",
        opening="Fa deu anys vam obrir amb dues caixes de discos i una tetera. Tu ets una de les raons per les quals "
        "encara som aquí, així que la primera ronda la paguem nosaltres.",
        first="La teva primera comanda",
        orders="Comandes fins avui",
        last="L’última",
        gift="{{ 10 | money }} de descompte en el teu pròxim disc",
        code="El teu codi",
        button="Triar un disc",
        closing="Vàlid durant trenta dies, a les nostres botigues i en línia.",
    ),
    "eu": Told(
        subject="Second Spin-ek hamar urte, eta opari bat zuretzat",
        headline="Hamar urte, ildo bakar bat",
        greeting="Kaixo{% if profile.first_name %}, {{ profile.first_name }}{% endif %}:",
        opening="Duela hamar urte bi disko-kutxarekin eta teontzi batekin ireki genuen. Zu zara oraindik hemen egoteko "
        "arrazoietako bat; beraz, lehen txanda guk ordainduko dugu.",
        first="Zure lehen eskaera",
        orders="Eskaerak gaur arte",
        last="Azkena",
        gift="Deskontua zure hurrengo diskoan: {{ 10 | money }}",
        code="Zure kodea",
        button="Aukeratu disko bat",
        closing="Hogeita hamar egunez balio du, gure dendetan eta sarean.",
    ),
    "ar": Told(
        subject="عشر سنوات من Second Spin وهدية لك",
        headline="عشر سنوات من الموسيقى",
        greeting="مرحبًا{% if profile.first_name %} {{ profile.first_name }}{% endif %}،",
        opening="قبل عشر سنوات افتتحنا متجرنا بصندوقين من الأسطوانات وإبريق شاي. أنت أحد أسباب بقائنا هنا، "
        "لذلك الجولة الأولى على حسابنا.",
        first="طلبك الأول",
        orders="عدد طلباتك",
        last="قيمة آخر طلب",
        gift="خصم {{ 10 | money }} على أسطوانتك القادمة",
        code="رمزك",
        button="اختر أسطوانة",
        closing="صالح لمدة ثلاثين يومًا في متاجرنا وعلى الإنترنت.",
    ),
    "ko": Told(
        subject="Second Spin 10주년, 고객님께 드리는 선물",
        headline="10년, 끊기지 않은 음악",
        greeting="{% if profile.first_name %}{{ profile.first_name }} {% endif %}고객님, 안녕하세요.",
        opening="10년 전 저희는 음반 두 상자와 주전자 하나로 문을 열었습니다. 저희가 아직 여기 있는 것은 "
        "고객님 덕분입니다. 그래서 작은 선물을 준비했습니다.",
        first="첫 주문",
        orders="지금까지 주문",
        last="최근 주문 금액",
        gift="다음 음반 {{ 10 | money }} 할인",
        code="할인 코드",
        button="음반 고르기",
        closing="30일 동안 매장과 온라인에서 사용하실 수 있습니다.",
    ),
    "ro": Told(
        subject="Zece ani de Second Spin și un cadou pentru dumneavoastră",
        headline="Zece ani pe același disc",
        greeting="Bună ziua{% if profile.first_name %}, {{ profile.first_name }}{% endif %},",
        opening="Acum zece ani am deschis cu două lăzi de discuri și un ceainic. Și datorită dumneavoastră suntem încă "
        "aici, așa că primul rând e din partea noastră.",
        first="Prima comandă",
        orders="Comenzi până azi",
        last="Ultima",
        gift="{{ 10 | money }} reducere la următorul disc",
        code="Codul dumneavoastră",
        button="Alegeți un disc",
        closing="Valabil treizeci de zile, în magazinele noastre și online.",
    ),
    "ru": Told(
        subject="Second Spin десять лет, и вам подарок",
        headline="Десять лет на одной дорожке",
        greeting="Здравствуйте{% if profile.first_name %}, {{ profile.first_name }}{% endif %}!",
        opening="Десять лет назад мы открылись с двумя ящиками пластинок и чайником. Мы всё ещё здесь в том числе "
        "благодаря вам, поэтому первый круг за наш счёт.",
        first="Ваш первый заказ",
        orders="Всего заказов",
        last="Последний",
        gift="Скидка {{ 10 | money }} на следующую пластинку",
        code="Ваш код",
        button="Выбрать пластинку",
        closing="Действует тридцать дней в наших магазинах и в интернете.",
    ),
    "fr": Told(
        subject="Dix ans de Second Spin, et un cadeau pour vous",
        headline="Dix ans, un seul sillon",
        greeting="Bonjour{% if profile.first_name %} {{ profile.first_name }}{% endif %},",
        opening="Il y a dix ans, nous avons ouvert avec deux bacs de disques et une théière. Si nous sommes encore là, "
        "c’est aussi grâce à vous : la première tournée est pour nous.",
        first="Votre première commande",
        orders="Commandes à ce jour",
        last="La dernière",
        gift="{{ 10 | money }} de remise sur votre prochain disque",
        code="Votre code",
        button="Choisir un disque",
        closing="Valable trente jours, dans nos boutiques et en ligne.",
    ),
}
