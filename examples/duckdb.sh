#!/usr/bin/env bash
# Queries with DuckDB's command line. curl fetches the data, because DuckDB needs an extension for HTTP.
set -euo pipefail

api=${SHORT_INTEREST_URL:-http://localhost:8787}/v1/short-interest
key=${SHORT_INTEREST_API_KEY:-}

get() {
  curl --silent --show-error --fail ${key:+--header "X-API-Key: $key"} "$api$1"
}

# A whole history, by year.
get '/HK.00700/history?format=csv' | duckdb -csv -c "
  select year(timestamp_str) as year, count(*) as n, max(aggregated_short) as most_shares
  from read_csv('/dev/stdin') group by all order by year desc limit 3"

# The newest row of several symbols, and its change.
get '?symbols=HK.00700,US.AAPL,US.NOSUCH' | duckdb -csv -c "
  select item.symbol, item.latest.timestamp_str as day, item.change.percent, item.error.code
  from (select unnest(items) as item from read_json('/dev/stdin'))"

# A history as a Parquet file.
file=${1:-US.AAPL.parquet}
get '/US.AAPL/history?format=csv' |
  duckdb -c "copy (from read_csv('/dev/stdin')) to '$file' (format parquet)"
duckdb -csv -c "select count(*) as n, min(timestamp_str) as oldest from '$file'"
