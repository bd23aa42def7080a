import { Failure, type FailureCode } from "../errors.ts";
import type { Upstash } from "../upstash.ts";

/**
 * The circuit breaker in front of OpenD, shared by all data centers. Closed: calls pass. Open: after
 * `FAILURE_THRESHOLD` failures within `FAILURE_WINDOW_MS` no call is made for `OPEN_MS`. Half-open: then one probe
 * is made at a time, until one succeeds and closes the circuit. The scripts of the shared cache include its functions:
 * a lease and the right to call are one round trip.
 */

/** A hash: `failures` (times of the last ones), `open` (until when), `probe` and `probing` (its lease, and its end). */
export const CIRCUIT = "short-interest:circuit";

/** These failures mean that no call can succeed now: no connection, no login or no reply. A refused call is a reply. */
const TRIPS_BREAKER: ReadonlySet<FailureCode> = new Set([
  "opend_unreachable",
  "opend_timeout",
  "opend_key_refused",
  // Connection, login and call took the whole deadline of the request.
  "request_timeout",
]);

const FAILURE_THRESHOLD = 5;
const FAILURE_WINDOW_MS = 30_000;
const OPEN_MS = 10_000;
/** A circuit that saw no failure for this long is closed. */
const CIRCUIT_MEMORY_MS = 3_600_000;

/**
 * Lua functions for scripts that declare the circuit's key. Times are Unix times in milliseconds.
 * `claimCall(circuit, lease, now, leaseMs)` claims the call, or the probe of a half-open circuit. It returns nil if
 * granted, else for how long the circuit is open: 0 while another lease probes.
 */
export const CLAIM_CALL_FUNCTION = `
local function claimCall(circuit, lease, now, leaseMs)
  local state = redis.call('HMGET', circuit, 'open', 'probing')
  if not state[1] then return nil end
  if tonumber(state[1]) > now then return state[1] - now end
  if state[2] and tonumber(state[2]) > now then return 0 end
  redis.call('HSET', circuit, 'probe', lease, 'probing', now + leaseMs)
  return nil
end
`;

/** `record(circuit, lease, now, failed)` records that the fetch of a lease ended without a usable reply. */
export const RECORD_FUNCTION = `
local function record(circuit, lease, now, failed)
  local state = redis.call('HMGET', circuit, 'failures', 'probe')
  local probed = state[2] == lease
  if probed then redis.call('HDEL', circuit, 'probe', 'probing') end
  if not failed then return end
  local failures = {}
  for failedAt in string.gmatch(state[1] or '', '%d+') do
    if now - failedAt < ${FAILURE_WINDOW_MS} then table.insert(failures, failedAt) end
  end
  table.insert(failures, string.format('%.0f', now))
  while #failures > ${FAILURE_THRESHOLD} do table.remove(failures, 1) end
  redis.call('HSET', circuit, 'failures', table.concat(failures, ' '))
  if probed or #failures >= ${FAILURE_THRESHOLD} then redis.call('HSET', circuit, 'open', now + ${OPEN_MS}) end
  redis.call('PEXPIRE', circuit, ${CIRCUIT_MEMORY_MS})
end
`;

/** `close(circuit)` closes the circuit after a reply. */
export const CLOSE_FUNCTION = `
local function close(circuit) redis.call('DEL', circuit) end
`;

/**
 * For how long the circuit is open, in milliseconds; 0 if it is closed or half-open.
 * @param now Unix time, milliseconds
 * @throws Failure `store_unavailable`
 */
export async function circuitOpenMs(upstash: Upstash, now: number): Promise<number> {
  const open = await upstash.exec((redis) => redis.hget<string>(CIRCUIT, "open"));
  return open === null ? 0 : Math.max(0, Number(open) - now);
}

/**
 * The outcome of a fetch without a usable reply. `failed`: no connection, no login or no reply. `inconclusive`: no call,
 * or an unreadable frame; the circuit does not change.
 */
export function outcomeOf(code: FailureCode): "failed" | "inconclusive" {
  return TRIPS_BREAKER.has(code) ? "failed" : "inconclusive";
}

/** @param openMs for how long the circuit is open, in milliseconds */
export function circuitOpenFailure(openMs: number): Failure {
  return new Failure("opend_unreachable", "OpenD failed repeatedly; the circuit breaker is open", {
    retryAfterMs: openMs,
  });
}
