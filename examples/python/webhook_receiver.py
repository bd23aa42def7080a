"""Receives webhook messages and prints new rows. Standard library only.

It needs the webhook's secret in WEBHOOK_SECRET. PORT is 9000 by default.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
MAX_AGE_S = 300


def is_signed(headers, body):
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(SECRET, signed, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    is_recent = abs(time.time() - int(headers.get("webhook-timestamp", 0))) < MAX_AGE_S
    signatures = headers.get("webhook-signature", "").split()
    return is_recent and any(hmac.compare_digest(expected, signature) for signature in signatures)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if is_signed(self.headers, body):
            message = json.loads(body)
            if message["type"] == "short_interest.published":
                print(message["data"]["symbol"], message["data"]["row"], flush=True)
            self.send_response(204)
        else:
            self.send_response(401)
        self.end_headers()


HTTPServer(("", int(os.environ.get("PORT", 9000))), Receiver).serve_forever()
