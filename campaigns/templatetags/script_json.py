"""Data for a <script type="application/json">: JSON that cannot end the element it stands in."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.utils.safestring import SafeString

register = template.Library()

_ESCAPES = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}


@register.filter
def script_json(value: Any) -> SafeString:
    return SafeString(json.dumps(value).translate(_ESCAPES))
