"""What MJML knows: its tags, where each may stand, and their attributes. MJML itself lets mistakes through."""

from __future__ import annotations

_SIDES = ("top", "right", "bottom", "left")


def _sided(*names: str) -> set[str]:
    return {name for base in names for name in (base, *(f"{base}-{side}" for side in _SIDES))}


_FONT = {"font-family", "font-size", "font-style", "font-weight", "letter-spacing", "line-height"}
_TEXT = _FONT | {"color", "text-decoration", "text-transform"}
_BLOCK = _sided("padding") | {"container-background-color"}
_BACKGROUND = {
    "background-color", "background-url", "background-position", "background-position-x", "background-position-y",
    "background-repeat", "background-size",
}  # fmt: skip
_LINK = {"href", "name", "rel", "target", "title"}
_BORDER = _sided("border") | {"border-radius"}
_ICONS = {
    "icon-align", "icon-height", "icon-position", "icon-unwrapped-alt", "icon-unwrapped-url", "icon-width",
    "icon-wrapped-alt", "icon-wrapped-url",
}  # fmt: skip

ANYWHERE = {"css-class", "mj-class", "id"}
"""Attributes of every tag."""

CONTENT: dict[str, set[str]] = {
    "mj-accordion": _BLOCK | _ICONS | {"border", "font-family"},
    "mj-button": _BLOCK | _TEXT | _LINK | _BORDER
    | {"align", "background-color", "height", "inner-padding", "text-align", "vertical-align", "width"},
    "mj-carousel": _BLOCK | _BORDER
    | {"align", "background-color", "icon-width", "left-icon", "right-icon", "tb-border", "tb-border-radius",
       "tb-hover-border-color", "tb-selected-border-color", "tb-width", "thumbnails"},
    "mj-divider": _BLOCK | {"align", "border-color", "border-style", "border-width", "width"},
    "mj-image": _BLOCK | _BORDER | _LINK
    | {"align", "alt", "fluid-on-mobile", "font-size", "height", "max-height", "sizes", "src", "srcset", "usemap",
       "width"},
    "mj-navbar": _BLOCK | _sided("ico-padding")
    | {"align", "base-url", "hamburger", "ico-align", "ico-close", "ico-color", "ico-font-family", "ico-font-size",
       "ico-line-height", "ico-open", "ico-text-decoration", "ico-text-transform"},
    "mj-social": _BLOCK | _TEXT
    | {"align", "border-radius", "icon-height", "icon-padding", "icon-size", "inner-padding", "mode", "table-layout",
       "text-padding", "vertical-align"},
    "mj-spacer": _BLOCK | _BORDER | {"height", "vertical-align", "width"},
    "mj-table": _BLOCK | _TEXT
    | {"align", "border", "cellpadding", "cellspacing", "role", "table-layout", "text-align", "vertical-align",
       "width"},
    "mj-text": _BLOCK | _TEXT | {"align", "height", "vertical-align"},
}  # fmt: skip
"""What a column holds, with its attributes."""

LAYOUT: dict[str, set[str]] = {
    "mjml": {"dir", "lang", "owa", "version"},
    "mj-head": set(),
    "mj-body": {"background-color", "width"},
    "mj-wrapper": _sided("padding") | _BACKGROUND | _BORDER | {"direction", "full-width", "gap", "text-align"},
    "mj-section": _sided("padding") | _BACKGROUND | _BORDER | {"direction", "full-width", "text-align", "text-padding"},
    "mj-group": {"background-color", "direction", "vertical-align", "width"},
    "mj-column": _sided("padding", "inner-border") | _BORDER
    | {"background-color", "direction", "inner-background-color", "inner-border-radius", "vertical-align", "width"},
    "mj-hero": _BLOCK | _BACKGROUND | _sided("inner-padding")
    | {"align", "background-height", "background-width", "border-radius", "height", "inner-background-color", "mode",
       "vertical-align", "width"},
    "mj-raw": {"position"},
    "mj-accordion-element": _ICONS | {"background-color", "border", "font-family"},
    "mj-accordion-title": _sided("padding") | {"background-color", "color", "font-family", "font-size", "font-weight"},
    "mj-accordion-text": _sided("padding") | _FONT | {"background-color", "color"},
    "mj-carousel-image": _LINK | {"alt", "border-radius", "src", "tb-border", "tb-border-radius", "thumbnails-src"},
    "mj-navbar-link": _sided("padding") | _TEXT | _LINK,
    "mj-social-element": _sided("padding") | _TEXT | _LINK
    | {"align", "alt", "background-color", "border-radius", "icon-height", "icon-padding", "icon-position", "icon-size",
       "sizes", "src", "srcset", "text-padding", "vertical-align"},
    "mj-attributes": set(),
    "mj-breakpoint": {"width"},
    "mj-font": {"href", "name"},
    "mj-preview": set(),
    "mj-style": {"inline"},
    "mj-title": set(),
    "mj-html-attributes": set(),
}  # fmt: skip

ATTRIBUTES = CONTENT | LAYOUT
"""Every tag that may stand in a mail, with its own attributes."""

FREE = {"mj-all", "mj-class", "mj-selector", "mj-html-attribute"}
"""Tags that take any attribute."""

WORDS = {
    "mj-text", "mj-button", "mj-table", "mj-raw", "mj-preview", "mj-title", "mj-accordion-title", "mj-accordion-text",
    "mj-navbar-link", "mj-social-element", "mj-html-attribute",
}  # fmt: skip
"""Tags whose inside is HTML or text, for MJML to pass on as it is."""

_HEAD = (
    "mj-attributes",
    "mj-breakpoint",
    "mj-font",
    "mj-preview",
    "mj-style",
    "mj-title",
    "mj-html-attributes",
)

PARENTS: dict[str, tuple[str, ...]] = {
    "mj-head": ("mjml",),
    "mj-body": ("mjml",),
    "mj-wrapper": ("mj-body",),
    "mj-section": ("mj-body", "mj-wrapper"),
    "mj-hero": ("mj-body", "mj-wrapper"),
    "mj-group": ("mj-section",),
    "mj-column": ("mj-section", "mj-group"),
    "mj-accordion-element": ("mj-accordion",),
    "mj-accordion-title": ("mj-accordion-element",),
    "mj-accordion-text": ("mj-accordion-element",),
    "mj-carousel-image": ("mj-carousel",),
    "mj-navbar-link": ("mj-navbar",),
    "mj-social-element": ("mj-social",),
    **dict.fromkeys(CONTENT, ("mj-column", "mj-hero")),
    **dict.fromkeys(_HEAD, ("mj-head",)),
}
"""Where a tag may stand."""

HOLDS_RAW = {"mj-head", "mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero"}
"""Where mj-raw may stand, and with it Liquid and blocks between tags: elsewhere MJML gives up on the whole mail."""
