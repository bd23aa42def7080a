#!/usr/bin/env bash
# Pages, histories, first-seen times, newest rows and errors, with curl 7.70 or newer and jq.
set -euo pipefail

api=${SHORT_INTEREST_URL:-http://localhost:8787}/v1/short-interest
key=${SHORT_INTEREST_API_KEY:-}

# --get sends the --data options as parameters. The header comes from a file, because all users of the machine can read
# command lines.
request() {
  curl --silent --show-error --get --header @<(printf '%s' "${key:+X-API-Key: $key}") "$@"
}

# After a 429 or 5xx, --retry waits as long as Retry-After says. --fail drops the bodies of errors.
get() {
  request --fail --retry 3 --retry-max-time 90 "$@"
}

echo "A page:"
get "$api/HK.00700" --data num=2 |
  jq -r '.items[] | "\(.timestamp_str) \(.aggregated_short)"'

echo "All pages:"
next_key=
rows=0
until [ "$next_key" = null ]; do
  page=$(get "$api/HK.00700" --data num=50 --data-urlencode "next_key=$next_key")
  rows=$((rows + $(jq '.items | length' <<<"$page")))
  next_key=$(jq -r .next_key <<<"$page")
done
echo "$rows rows"

echo "A history as CSV:"
get "$api/HK.00700/history" --data from=2026-04-24 --data format=csv

echo "When a row was first seen, for backtests:"
get "$api/HK.00700" --data num=1 --data include=first_seen_at |
  jq -r '.items[] | "\(.timestamp_str) \(.first_seen_at // "unknown")"'

echo "The newest rows:"
get "$api" --data symbols=HK.00700,US.NOSUCH |
  jq -r '.items[] | "\(.symbol) \(.error.code // .latest.timestamp_str)"'

echo "A page that has not changed:"
etag=$(mktemp)
trap 'rm -f "$etag"' EXIT
get "$api/US.AAPL" --etag-save "$etag" --output /dev/null
get "$api/US.AAPL" --etag-compare "$etag" --write-out '%{http_code}\n'

echo "Errors:"
print_page() {
  local response status body
  response=$(request "$api/$1" --write-out '\n%{http_code}')
  status=${response##*$'\n'}
  body=${response%$'\n'*}
  case $status in
    200) echo "$body" ;;
    401) echo "SHORT_INTEREST_API_KEY is missing or wrong" ;;
    400 | 404) jq -r '"The request is wrong: \(.code)"' <<<"$body" ;;
    429 | 503) jq -r '"Try again in \(.retry_after) s: \(.code)"' <<<"$body" ;;
    *) jq -r '"The service has a problem: \(.code)"' <<<"$body" ;;
  esac
}
print_page US.NOSUCH
print_page JP.7203
