"""Uses a brand's package and short_interest.py with one service, and prints the results of all checks as JSON.

Arguments: brand, port of the bridge, origin of the service, API key, names of checks.
"""

import importlib
import json
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import short_interest
from pandas.testing import assert_frame_equal

BRAND, PORT, ORIGIN, API_KEY, *NAMES = sys.argv[1:]
sdk = importlib.import_module(BRAND)
CONNECTIONS = 50


def connect():
    return sdk.OpenQuoteContext(host="127.0.0.1", port=int(PORT))


def over_http(code, next_key=None, num=None):
    return short_interest.get_short_interest(code, next_key, num, url=ORIGIN, api_key=API_KEY)


def pages_of(get, code, num):
    """Yields the pair of frames of each page."""
    next_key = None
    while next_key != "-1":
        ret, us_df, hk_df = get(code, next_key=next_key, num=num)
        assert ret == sdk.RET_OK, us_df
        assert us_df.attrs == hk_df.attrs
        yield us_df, hk_df
        next_key = us_df.attrs["next_key"]


def paging(context):
    """The sizes of the pages, and the cursors of the first and last page."""
    pages = [hk_df for _, hk_df in pages_of(context.get_short_interest, "HK.00700", 50)]
    dates = [date for frame in pages for date in frame["timestamp_str"]]
    return {
        "rows": [len(frame) for frame in pages],
        "cursors": [pages[0].attrs["next_key"], pages[-1].attrs["next_key"]],
        "isNewestFirst": dates == sorted(set(dates), reverse=True),
    }


def us_security(context):
    ret, us_df, hk_df = context.get_short_interest("US.AAPL", num=1)
    return [ret, json.loads(us_df.to_json(orient="records")), list(us_df.columns), len(hk_df)]


def unknown_code(context):
    return context.get_short_interest("US.NOSUCH")


def global_state(context):
    return context.get_global_state()


def many_connections(context):
    """All connections are open at the same time."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        contexts = list(pool.map(lambda _: connect(), range(CONNECTIONS)))
        replies = list(pool.map(lambda each: each.get_short_interest("HK.00700"), contexts))
        connections = len({each.get_sync_conn_id() for each in contexts})
        list(pool.map(lambda each: each.close(), contexts))
    return {"connections": connections, "rows": [len(hk_df) for _, _, hk_df in replies]}


# A page of NONE is empty, the oldest pages of AAPL lack columns. HUGE has counts above 2^53. The test leaves out values
# of HK.09988.
COMPARED = [
    ("HK.00700", None),
    ("HK.09988", 50),
    ("HK.2800", 1),
    ("US.AAPL", 10),
    ("US.AAPL", 7),
    ("US.BRK.B", 50),
    ("US.HUGE", 10),
    ("US.NONE", 10),
]


def equal_frames(context):
    """The number of compared pages. A difference raises."""
    count = 0
    for code, num in COMPARED:
        expected = list(pages_of(context.get_short_interest, code, num))
        actual = list(pages_of(over_http, code, num))
        assert len(actual) == len(expected), (code, num)
        for pair in zip(actual, expected):
            for frame, expected_frame in zip(*pair):
                assert_frame_equal(frame, expected_frame)
                assert frame.attrs == expected_frame.attrs
        count += len(expected)
    for pair in zip(over_http("HK.00700", "-1"), context.get_short_interest("HK.00700", "-1")):
        assert str(pair[0]) == str(pair[1])
    return count


def joined_history(context):
    """The types of a joined history. Its first frames have values in all columns, its last one does not."""
    frames = [
        frame
        for code in ("US.AAPL", "US.NEWLY")
        for frame in short_interest.history(code, url=ORIGIN, api_key=API_KEY)
    ]
    joined = pd.concat(frames, ignore_index=True)
    return {"rows": [len(frame) for frame in frames], "types": sorted({str(dtype) for dtype in joined.dtypes})}


REFUSED = [
    ("US.NOSUCH",),
    ("HK.1x",),
    ("US..DJI",),
    ("US.AAPL ",),
    ("US.A/B",),
    ("hk.00700",),
    ("HK00700",),
    ("HK.",),
    ("XX.1",),
    ("",),
    (None,),
    (700,),
    (b"HK.00700",),
    ("HK.00700", None, 0),
    ("HK.00700", None, 51),
    ("HK.00700", None, -1),
    ("HK.00700", "no-cursor"),
]


def equal_errors(context):
    """The arguments whose triples differ, with both triples."""
    pairs = [(args, context.get_short_interest(*args), over_http(*args)) for args in REFUSED]
    return [str(pair) for pair in pairs if not _is_refusal(pair[1]) or repr(pair[1]) != repr(pair[2])]


def _is_refusal(result):
    ret, text, nothing = result
    return ret == sdk.RET_ERROR and isinstance(text, str) and nothing is None


def different_errors(context):
    """The triples whose texts name other things over TCP than over HTTP."""
    args = [("JP.7203",), ("HK.00700", None, "x")]
    return [[context.get_short_interest(*each), over_http(*each)] for each in args]


def many_calls(context):
    """The results of 31 equal calls, of 30 others, and of the first one again."""

    def kind_of(result):
        return "ok" if result[0] == sdk.RET_OK else result[1]

    cached = [kind_of(context.get_short_interest("HK.00700")) for _ in range(31)]
    others = [kind_of(context.get_short_interest(f"US.T{index}")) for index in range(30)]
    http = kind_of(over_http("US.T30"))
    return {"cached": cached, "others": others, "http": http, "again": kind_of(context.get_short_interest("HK.00700"))}


def outcome(name, context):
    try:
        return {"result": globals()[name](context)}
    except Exception:  # Reported by the test that reads the outcome.
        return {"failure": traceback.format_exc()}


quote_context = connect()
outcomes = {name: outcome(name, quote_context) for name in NAMES}
quote_context.close()
# In one write: threads of the package print too.
sys.stdout.write(f"\nOUTCOMES {json.dumps(outcomes)}\n")
