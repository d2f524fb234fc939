"""The demo shop's own server, which its sources ask: the weather, concerts, a record for each customer.

``python -m config.demo.shelf PORT`` serves it on this machine only. What it says is made up, and the same every time.
"""

from __future__ import annotations

import json
import sys
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOST, PORT = "127.0.0.1", 9310
KEY = "demo-shelf-key"  # what it asks of whoever wants a recommendation

SKIES = ("sunshine", "clouds", "drizzle", "wind", "rain")
CONCERTS = [
    {"artist": "The Low Hours", "day": "Thursday", "place": "Cellar Nine"},
    {"artist": "Marguerite & Sons", "day": "Friday", "place": "The Old Ferry"},
    {"artist": "Night Bus", "day": "Saturday", "place": "Cellar Nine"},
]
RECORDS = [
    {"title": "Paper Lanterns", "artist": "The Low Hours"},
    {"title": "A House by the Canal", "artist": "Marguerite & Sons"},
    {"title": "Last Stop", "artist": "Night Bus"},
    {"title": "Seven Short Winters", "artist": "Ida Holm"},
    {"title": "Brass and Gravel", "artist": "Union Street Band"},
]


def answer(path: str, *, key: str = "") -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON for a path with its query."""
    parts = urlsplit(path)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if parts.path == "/weather":
        lot = _lot(asked.get("city", ""))
        return 200, {
            "city": asked.get("city", ""),
            "today": {"temperature": 8 + lot % 20, "sky": SKIES[lot % 5]},
        }
    if parts.path == "/concerts":
        return 200, {"concerts": CONCERTS}
    if parts.path == "/pick":
        if key != KEY:
            return 401, {"error": "Send the key in the header X-Key."}
        lot = _lot(asked.get("customer", ""))
        if lot % 20 == 0:
            return 404, {"error": "Nothing is known of this customer's taste."}
        return 200, {"record": RECORDS[lot % 5]}
    return 404, {"error": "There are /weather, /concerts and /pick."}


def _lot(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest())


class Shelf(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, said = answer(self.path, key=self.headers.get("X-Key", ""))
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


def main() -> None:
    with ThreadingHTTPServer((HOST, int(sys.argv[1])), Shelf) as server:
        server.daemon_threads = True
        server.serve_forever()


if __name__ == "__main__":
    main()
