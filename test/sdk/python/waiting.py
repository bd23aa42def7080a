"""Reads a history that exceeds the client's share of the quota, and prints JSON. Argument: origin of the service."""

import json
import sys
import time

import short_interest

ORIGIN = sys.argv[1]
waits = []


def sleep(seconds):
    waits.append(seconds)
    time.sleep(seconds)


rows = [len(frame) for frame in short_interest.history("HK.02800", url=ORIGIN, sleep=sleep)]
try:
    error = list(short_interest.history("US.AAPL", url=ORIGIN, sleep=sleep, max_wait_s=1))
except short_interest.ShortInterestError as raised:
    error = str(raised)
print(json.dumps({"rows": rows, "waits": waits, "error": error}))
