"""The WSGI application that web servers run."""

import os
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.core.wsgi import get_wsgi_application

from config import loading
from tenants.json_body import MAX_BODY

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

tact = get_wsgi_application()
loading.load()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request, also a program's whose body comes in chunks: Django takes one without a length for empty."""
    has_no_length = environ.get("wsgi.input_terminated") and "CONTENT_LENGTH" not in environ
    if has_no_length and environ["PATH_INFO"].startswith(("/v1/", "/api/")):
        body = environ["wsgi.input"].read(MAX_BODY + 1)  # one more than is taken, so that more is told
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    answer: Iterable[bytes] = tact(environ, start_response)
    return answer
