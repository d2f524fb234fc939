"""Random templates of a small grammar, and people to fill them for: the same for the same seed."""

from collections.abc import Callable
from random import Random
from typing import Any

LISTS = ("event.items", "profile.list", "l")
OF_AN_ENTRY = ("item.name", "item.name", "item.deep.a", "item", "forloop.index")
LISTED = (
    "{list} | map: 'name' | join: ', '", "{list} | sort: 'n' | map: 'name' | join", "{list} | reverse | first",
    "{list} | where: 'on' | map: 'name' | join", "{list} | where: 'on' | size", "{list} | first", "{list} | last",
    "{list} | find: 'name', 'one'", "{list} | find_index: 'name', 'one'", "{list} | has: 'name', 'one'",
    "{list} | compact | size", "{list} | concat: {list} | map: 'name' | join", "{list} | uniq: 'n' | size",
    "{list} | sum: 'n'", "{list}.first.name", "{list}[0].name", "{list}.last.deep.a", "{list}.size", "{list}[1].name",
)  # fmt: skip
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
        self.sparse = self.random.choice((0.1, 0.3, 0.5, 0.9))
        self.inside = 0  # loops around what is being written

    def template(self) -> str:
        text = "".join(self.assignment(name) for name in ("x", "y") if self.random.random() < 0.8)
        if self.random.random() < 0.8:
            text += self.assigned_list()
        return text + self.body(depth=3)

    def person(self) -> dict[str, Any]:
        profile = {name: self.scalar() for name in "abc"}
        event: dict[str, Any] = {"b": self.scalar()}
        if self.random.random() < 0.5:
            profile["deep"] = {"a": self.scalar()}
        if self.random.random() < 0.8:
            event["items"] = self.entries()
        if self.random.random() < 0.5:
            profile["list"] = self.entries()
        return {"profile": profile, "event": event}

    def entries(self) -> list[Any]:
        return [self.entry(n) for n in range(self.random.randint(0, 3))]

    def entry(self, n: int) -> Any:
        entry = {
            "name": self.scalar(),
            "n": n,
            "on": self.random.random() < 0.5,
            "deep": {"a": self.scalar()},
        }
        return entry if self.random.random() < 0.9 else None

    def scalar(self) -> Any:
        return None if self.random.random() < self.sparse else self.random.choice(SCALARS)

    def body(self, depth: int) -> str:
        return "".join(self.node(depth) for _ in range(self.random.randint(0, 3)))

    def node(self, depth: int) -> str:
        blocks: list[Callable[[int], str]] = [self.branches, self.loop, self.case, self.capture]
        if depth and self.random.random() < 0.5:
            return self.random.choice(blocks)(depth - 1)
        return self.random.choice(
            [
                "text ",
                self.printed(),
                self.printed(),
                self.assignment(self.own()),
                self.assigned_list(),
                self.aborting(),
            ]
        )

    def printed(self) -> str:
        return "‹{{ " + self.value() + " }}›"

    def aborting(self) -> str:
        return "{% unless " + self.comparison() + " %}{% abort_message('no') %}{% endunless %}"

    def own(self) -> str:
        return self.random.choice("xy")

    def path(self) -> str:
        if self.inside and self.random.random() < 0.4:
            return self.random.choice(OF_AN_ENTRY)
        if self.random.random() < 0.05:
            return self.random.choice(("profile[event.b]", "profile[x]"))
        return self.random.choice(self.paths)

    def list(self) -> str:
        return self.random.choice(LISTS)

    def assigned_list(self) -> str:
        value = self.random.choice(("{list}", "{list} | sort: 'n'", "{list} | where: 'on'", "{list} | default: {list}",
                                    "{list} | default: ''", "{list} | map: 'deep'", "{list} | default: 'x'",
                                    "'one two' | split: ' '", "{list} | reverse | compact"))  # fmt: skip
        return "{% assign l = " + value.format(list=self.list()) + " %}"

    def value(self) -> str:
        if self.random.random() < 0.2:
            default = self.random.choice(("", "", " | default: 'none'"))
            return self.random.choice(LISTED).format(list=self.list()) + default
        used = self.random.choices(FILTERS, k=self.random.choice((0, 0, 1, 1, 2, 3)))
        return " | ".join([self.path(), *(each.format(path=self.path()) for each in used)])

    def assignment(self, name: str) -> str:
        return "{% assign " + name + " = " + self.random.choice([self.value(), "'one'"]) + " %}"

    def comparison(self) -> str:
        other = self.random.choice([*WORDS, *NOTHINGS, self.path()])
        one, two = self.random.sample([self.path(), other], 2)
        sized = f"{self.list()}.size > {self.random.choice((0, 1))}"
        return self.random.choice([self.path(), f"{one} == {two}", f"{one} != {two}", self.list(), sized])

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
        self.inside += 1
        tag = self.random.choice(("for", "for", "tablerow"))
        text = "{% " + tag + " item in " + self.list() + " %}" + self.body(depth)
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
        self.inside -= 1
        if tag == "tablerow":
            return text.replace("forloop", "tablerowloop") + "{% endtablerow %}"
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
        return "{% capture " + self.own() + " %}words" + self.body(depth) + "{% endcapture %}"
