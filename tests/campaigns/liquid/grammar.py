"""Random templates of a small grammar, and people to fill them for: the same for the same seed."""

from collections.abc import Callable
from random import Random
from typing import Any

PATHS = ("profile.a", "profile.b", "profile.c", "profile.deep.a", "event.b", "x", "y")
WORDS = ("'one'", "'two'", "3", "true")
NOTHINGS = ("blank", "empty", "nil", "''")
FILTERS = ("upcase", "append: '!'", "append: {path}", "prepend: {path}", "default: 'you'", "default: {path}")
SCALARS = (None, "", "  ", "one", "two", "<b>", 3, 0, 2.5, True, False)


class Grammar:
    """Few paths a template, so that its conditions are often about what it prints."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.paths = self.random.sample(PATHS, 3)
        self.sparse = self.random.choice((0.3, 0.5, 0.9))

    def template(self) -> str:
        text = "".join(self.assignment(name) for name in ("x", "y") if self.random.random() < 0.8)
        return text + self.body(depth=3)

    def person(self) -> dict[str, Any]:
        profile = {name: self.scalar() for name in "abc"}
        event: dict[str, Any] = {"b": self.scalar()}
        if self.random.random() < 0.5:
            profile["deep"] = {"a": self.scalar()}
        if self.random.random() < 0.8:
            event["items"] = [{"name": name} for name in self.random.sample("ijk", self.random.randint(0, 3))]
        return {"profile": profile, "event": event}

    def scalar(self) -> Any:
        return None if self.random.random() < self.sparse else self.random.choice(SCALARS)

    def body(self, depth: int) -> str:
        return "".join(self.node(depth) for _ in range(self.random.randint(0, 3)))

    def node(self, depth: int) -> str:
        blocks: list[Callable[[int], str]] = [self.branches, self.loop, self.case, self.capture]
        if depth and self.random.random() < 0.5:
            return self.random.choice(blocks)(depth - 1)
        return self.random.choice(
            ["text ", "{{ " + self.value() + " }}", "{{ " + self.value() + " }}", self.assignment(self.own())]
        )

    def own(self) -> str:
        return self.random.choice("xy")

    def path(self) -> str:
        return self.random.choice(self.paths)

    def value(self) -> str:
        used = self.random.choices(FILTERS, k=self.random.choice((0, 0, 1, 1, 2, 3)))
        return " | ".join([self.path(), *(each.format(path=self.path()) for each in used)])

    def assignment(self, name: str) -> str:
        return "{% assign " + name + " = " + self.random.choice([self.value(), "'one'"]) + " %}"

    def comparison(self) -> str:
        other = self.random.choice([*WORDS, *NOTHINGS, self.path()])
        one, two = self.random.sample([self.path(), other], 2)
        return self.random.choice([self.path(), f"{one} == {two}", f"{one} != {two}"])

    def condition(self) -> str:
        parts = [self.comparison() for _ in range(self.random.choice((1, 1, 2, 3)))]
        return "".join(f"{part} {self.random.choice(('and', 'or'))} " for part in parts[:-1]) + parts[-1]

    def branches(self, depth: int) -> str:
        tag = self.random.choice(("if", "unless"))
        text = "{% " + tag + " " + self.condition() + " %}" + self.body(depth)
        for _ in range(self.random.choice((0, 0, 1, 2))):
            text += "{% elsif " + self.condition() + " %}" + self.body(depth)
        if self.random.random() < 0.5:
            text += "{% else %}" + self.body(depth)
        return text + "{% end" + tag + " %}"

    def loop(self, depth: int) -> str:
        text = (
            "{% for item in event.items %}" + self.random.choice(("", "{{ item.name }}")) + self.body(depth)
        )
        if self.random.random() < 0.4:
            leave = self.random.choice(("break", "continue"))
            text += (
                "{% if "
                + self.condition()
                + " %}"
                + self.body(depth)
                + "{% "
                + leave
                + " %}{% endif %}"
                + self.body(depth)
            )
        return text + "{% else %}" + self.body(depth) + "{% endfor %}"

    def case(self, depth: int) -> str:
        text = "{% case " + self.path() + " %}"
        for _ in range(self.random.randint(1, 3)):
            candidates = self.random.choices((*WORDS, *NOTHINGS), k=self.random.choice((1, 2)))
            text += "{% when " + ", ".join(candidates) + " %}" + self.body(depth)
            if self.random.random() < 0.2:
                text += "{% else %}" + self.body(depth)
        return text + "{% else %}" + self.body(depth) + "{% endcase %}"

    def capture(self, depth: int) -> str:
        return "{% capture " + self.own() + " %}" + self.body(depth) + "{% endcapture %}"
