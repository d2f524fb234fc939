"""Names, addresses, languages and zones for the log's customers: made up by a seeded generator, since it has none."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from faker import Faker

from config.demo.purchases import user_id

SEED = 1997
NAMES_A_CITY = 300

# Locale, language, country, city, zone, latitude, longitude, and how many of a hundred live there.
CITIES = [
    ("en_US", "en", "US", "New York", "America/New_York", 40.71, -74.01, 24),
    ("en_US", "en", "US", "Chicago", "America/Chicago", 41.88, -87.63, 12),
    ("en_US", "en", "US", "Los Angeles", "America/Los_Angeles", 34.05, -118.24, 18),
    ("en_GB", "en", "GB", "London", "Europe/London", 51.51, -0.13, 10),
    ("de_DE", "de", "DE", "Berlin", "Europe/Berlin", 52.52, 13.4, 8),
    ("fr_FR", "fr", "FR", "Paris", "Europe/Paris", 48.86, 2.35, 7),
    ("es_ES", "es", "ES", "Madrid", "Europe/Madrid", 40.42, -3.7, 6),
    ("pt_BR", "pt", "BR", "São Paulo", "America/Sao_Paulo", -23.55, -46.63, 3),
    ("es_CA", "ca", "ES", "Girona", "Europe/Madrid", 41.98, 2.82, 2),
    ("es_ES", "eu", "ES", "Bilbao", "Europe/Madrid", 43.26, -2.93, 2),
    ("ar_AA", "ar", "EG", "Cairo", "Africa/Cairo", 30.04, 31.24, 2),
    ("ko_KR", "ko", "KR", "Seoul", "Asia/Seoul", 37.57, 126.98, 2),
    ("ro_RO", "ro", "RO", "Cluj-Napoca", "Europe/Bucharest", 46.77, 23.59, 2),
    ("ru_RU", "ru", "KZ", "Almaty", "Asia/Almaty", 43.24, 76.91, 2),
]
WITHOUT_FIRST_NAME = 0.08  # a real base never knows everybody's
WITHOUT_EMAIL = 0.03
MEMBERS = 0.3  # of the loyalty programme
BOUNCING = 0.01  # the sandbox's mail server refuses addresses that begin with "bounce"


@dataclass(frozen=True, slots=True)
class Person:
    customer: int
    traits: dict[str, Any]

    def as_call(self, at: datetime) -> dict[str, Any]:
        """Return the identify call a shop would make on sign-up; the same person always has the same message id."""
        return {
            "type": "identify",
            "messageId": f"cdnow-person-{self.customer:05d}",
            "userId": user_id(self.customer),
            "timestamp": at.isoformat(),
            "traits": self.traits,
        }


def people(count: int) -> list[Person]:
    """Return customers 1 to ``count``, the same ones each time."""
    dice = random.Random(SEED)
    names = [_names(city[0], dice) for city in CITIES]
    weights = [city[-1] for city in CITIES]
    return [_person(customer, dice, names, weights) for customer in range(1, count + 1)]


def _names(locale: str, dice: random.Random) -> tuple[list[str], list[str]]:
    fake = Faker(locale)
    fake.seed_instance(dice.randrange(2**32))
    firsts = [fake.first_name() for _ in range(NAMES_A_CITY)]
    return firsts, [fake.last_name() for _ in range(NAMES_A_CITY)]


def _person(
    customer: int, dice: random.Random, names: list[tuple[list[str], list[str]]], weights: list[int]
) -> Person:
    (which,) = dice.choices(range(len(CITIES)), weights)
    _, language, country, city, zone, latitude, longitude, _ = CITIES[which]
    first, last = dice.choice(names[which][0]), dice.choice(names[which][1])
    traits: dict[str, Any] = {
        "lastName": last,
        "language": language,
        "timezone": zone,
        "address": {"city": city, "country": country},
        "latitude": _around(latitude, customer, "latitude"),
        "longitude": _around(longitude, customer, "longitude"),
    }
    if random.Random(f"loyalty {customer}").random() < MEMBERS:
        traits["loyalty"] = "member"
    if dice.random() >= WITHOUT_FIRST_NAME:
        traits["firstName"] = first
    if dice.random() >= WITHOUT_EMAIL:
        local = ".".join(filter(None, [_ascii(first) or "reader", _ascii(last), str(customer)]))
        if dice.random() < BOUNCING:
            local = f"bounce.{local}"
        traits["email"] = f"{local}@example.com"
    return Person(customer, traits)


def _around(degrees: float, customer: int, which: str) -> float:
    """Return a home in the city: most within ten kilometres of its middle. Its own dice leave all else as it is."""
    return round(degrees + random.Random(f"{which} {customer}").gauss(0, 0.06), 4)


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain.lower() if letter.isalnum())
