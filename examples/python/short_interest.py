"""Short interest as pandas frames, over plain HTTP.

``get_short_interest`` returns the same values as the method of this name in the packages ``futu`` and ``moomoo``. This
file needs neither of them: copy it, and install pandas and requests.

    export SHORT_INTEREST_URL=https://short-interest.example.com
    export SHORT_INTEREST_API_KEY=...        # only if the service needs a key
    python short_interest.py HK.00700

Python 3.9 or newer.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Optional, Union
from urllib.parse import quote

import pandas as pd
import requests

RET_OK = 0
RET_ERROR = -1
END = "-1"
"""The next_key after the last page."""

DEFAULT_URL = "http://localhost:8787"
TIMEOUT_S = (5, 30)
"""Of the connection, and of each read. The service answers within 15 s."""
MAX_ROWS = 50
MAX_WAIT_S = 120
"""How long ``history`` waits for one page in total."""

Result = Union[tuple[int, pd.DataFrame, pd.DataFrame], tuple[int, str, None]]

US_COLUMNS = [
    "timestamp",
    "timestamp_str",
    "shares_short",
    "short_percent",
    "avg_daily_share_volume",
    "days_to_cover",
    "close_price",
    "last_close_price",
]
HK_COLUMNS = [
    "timestamp",
    "timestamp_str",
    "aggregated_short",
    "aggregated_short_ratio",
    "close_price",
    "last_close_price",
]
# JSON writes 508.0 as 508.
FLOAT_COLUMNS = {"short_percent", "days_to_cover", "aggregated_short_ratio", "close_price", "last_close_price"}

# The vendor's packages check the market of a code before they send it.
MARKETS = {"N/A", "HK", "US", "SH", "SZ", "HK_FUTURE", "SG", "JP", "AU", "MY", "CA", "FX", "CC", "EC"}

# Programs recognize OpenD's own texts.
TOO_FREQUENT = (
    "获取空头持仓频率太高，请求失败，每30秒最多30次。 Get short interest is too frequent, "
    "request failed due to high frequency, no more than 30 times every 30 seconds."
)
OPEND_TEXTS = {
    "upstream_quota_exceeded": TOO_FREQUENT,
    "client_quota_exceeded": TOO_FREQUENT,
    "too_many_requests": TOO_FREQUENT,
    "subrequest_limit": TOO_FREQUENT,
    "unknown_symbol": "未知股票",
    "invalid_symbol": "未知股票",
    "opend_no_permission": "无权限获取该行情",
}


class ShortInterestError(Exception):
    """The text of a failed request. ``retry_after_s`` is None unless the service asks for a later request."""

    def __init__(self, text: str, retry_after_s: Optional[int] = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


def get_short_interest(
    code: str,
    next_key: Optional[str] = None,
    num: Optional[int] = None,
    *,
    url: Optional[str] = None,
    api_key: Optional[str] = None,
) -> Result:
    """Returns one page of the short interest of a security, newest row first.

    :param code: market and code, such as ``HK.00700`` or ``US.AAPL``
    :param next_key: ``attrs["next_key"]`` of the previous page; None or empty for the first page
    :param num: number of rows, 1 to 50; 10 if None
    :param url: of the service; by default ``SHORT_INTEREST_URL``, or else ``http://localhost:8787``
    :param api_key: by default ``SHORT_INTEREST_API_KEY``
    :return: ``(RET_OK, us_df, hk_df)``. The frame of the other market is empty. ``attrs["next_key"]`` of both is the
        cursor of the next page, ``"-1"`` at the end. Timestamps are Unix seconds, ratios and percentages are before the
        percent sign. An absent value is NaN, or None in a column without any value.
        Every failure is ``(RET_ERROR, text, None)``; nothing is raised.
    """
    try:
        with requests.Session() as session:
            return (RET_OK, *_fetch_page(session, code, next_key, num, url, api_key))
    except ShortInterestError as error:
        return RET_ERROR, str(error), None


def history(
    code: str,
    *,
    url: Optional[str] = None,
    api_key: Optional[str] = None,
    max_wait_s: float = MAX_WAIT_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[pd.DataFrame]:
    """Yields the full history of a security in frames of up to 50 rows, newest row first.

    ``pd.concat(history("HK.00700"), ignore_index=True)`` makes one frame. Unlike in ``get_short_interest``, a column
    without any value has NaN, so that the frames keep their types when they are joined.

    If a quota is used up (429, 503), it waits as long as the service asks.

    :param code: as in ``get_short_interest``
    :param max_wait_s: how long it waits for one page in total, in seconds
    :param sleep: waits this number of seconds
    :raises ShortInterestError: if the service fails, or asks for a longer wait
    """
    with requests.Session() as session:
        next_key = ""
        while next_key != END:
            us, hk = _fetch_patiently(session, code, next_key, url, api_key, max_wait_s, sleep)
            frame = us if code.startswith("US.") else hk
            yield frame.astype({name: "float64" for name in frame if len(frame) > 0 and frame[name].isna().all()})
            next_key = frame.attrs["next_key"]


def _fetch_patiently(
    session: requests.Session,
    code: str,
    next_key: str,
    url: Optional[str],
    api_key: Optional[str],
    max_wait_s: float,
    sleep: Callable[[float], None],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    remaining_s = max_wait_s
    while True:
        try:
            return _fetch_page(session, code, next_key, MAX_ROWS, url, api_key)
        except ShortInterestError as error:
            if error.retry_after_s is None or error.retry_after_s > remaining_s:
                raise
            remaining_s -= error.retry_after_s
            sleep(error.retry_after_s)


def _fetch_page(
    session: requests.Session,
    code: str,
    next_key: Optional[str],
    num: Optional[int],
    url: Optional[str],
    api_key: Optional[str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the US frame and the Hong Kong frame, or raises ShortInterestError."""
    _check_code(code)
    origin = (url or os.environ.get("SHORT_INTEREST_URL") or DEFAULT_URL).rstrip("/")
    key = api_key or os.environ.get("SHORT_INTEREST_API_KEY")
    try:
        response = session.get(
            f"{origin}/v1/short-interest/{quote(code, safe='')}",
            params={"num": num, "next_key": next_key or None},
            headers={"Accept": "application/json", **({"X-API-Key": key} if key else {})},
            timeout=TIMEOUT_S,
            # Another host must not get the key.
            allow_redirects=False,
        )
    except (requests.RequestException, ValueError) as error:
        raise ShortInterestError(f"{type(error).__name__}: {error}") from error
    body = _json_of(response)
    if response.status_code != 200:
        raise _failure_of(response, body)
    try:
        items = {"US": [], "HK": [], body["market"]: body["items"]}
        cursor = END if body["next_key"] is None else body["next_key"]
        return _frame_of(items["US"], US_COLUMNS, cursor), _frame_of(items["HK"], HK_COLUMNS, cursor)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ShortInterestError(f"{origin} did not answer with a page of short interest") from error


def _json_of(response: requests.Response) -> Any:
    """Returns the value of a body, None if it is not JSON. Integers keep all digits."""
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _check_code(code: object) -> None:
    """Makes the checks of the vendor's packages, with the same texts."""
    if not isinstance(code, (str, bytes)):
        raise ShortInterestError("ERROR. the type of code param is wrong")
    market, _, rest = str(code).partition(".")
    if market not in MARKETS or not rest:
        raise ShortInterestError(f"ERROR. format of code {code} is wrong. (US.AAPL, HK.00700, SZ.000001)")


def _failure_of(response: requests.Response, body: Any) -> ShortInterestError:
    problem = body if isinstance(body, dict) else {}
    detail = problem.get("detail") or f"HTTP {response.status_code} {response.reason}"
    text = OPEND_TEXTS.get(problem.get("code", ""))
    return ShortInterestError(detail if text is None else f"{text} ({detail})", _retry_after(response))


def _retry_after(response: requests.Response) -> Optional[int]:
    """Seconds, at least 1; None if the status is another, or the header is no number of seconds."""
    value = response.headers.get("Retry-After", "")
    if response.status_code not in (429, 503) or not value.isascii() or not value.isdigit():
        return None
    return max(1, int(value))


def _frame_of(items: list[dict[str, Any]], columns: list[str], next_key: str) -> pd.DataFrame:
    """Returns a frame with the types that the vendor's packages give it, which depend on the values of the page."""
    rows = [{name: _value_of(name, row[name]) for name in columns if row[name] is not None} for row in items]
    frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
    for name in columns:
        if name not in frame.columns:
            frame[name] = None
    frame = frame[columns]
    frame.attrs["next_key"] = next_key
    return frame


def _value_of(column: str, value: Any) -> Any:
    return float(value) if column in FLOAT_COLUMNS else value


def main() -> None:
    """Prints the table of a code, or an error with exit code 1."""
    parser = argparse.ArgumentParser(description="Prints the short interest of a security.")
    parser.add_argument("code", help="market and code, such as HK.00700 or US.AAPL")
    parser.add_argument("--num", type=int, help="number of rows, 1 to 50 (default 10)")
    parser.add_argument("--all", action="store_true", help="the full history")
    parser.add_argument("--url", help="of the service (default: SHORT_INTEREST_URL, or else %s)" % DEFAULT_URL)
    options = parser.parse_args()
    try:
        if options.all:
            print(pd.concat(history(options.code, url=options.url), ignore_index=True).to_string())
            return
    except ShortInterestError as error:
        sys.exit(f"error: {error}")
    ret, us_df, hk_df = get_short_interest(options.code, num=options.num, url=options.url)
    if ret != RET_OK:
        sys.exit(f"error: {us_df}")
    print((us_df if options.code.startswith("US.") else hk_df).to_string())


if __name__ == "__main__":
    main()
