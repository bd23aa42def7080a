import { Failure, type FailureCode } from "../errors.ts";
import type { Upstash } from "../upstash.ts";

/**
 * The circuit breaker in front of OpenD, shared by all data centers. Closed: calls pass. Open: after
 * `FAILURE_THRESHOLD` failures within `FAILURE_WINDOW_MS` no call is made for `OPEN_MS`. Half-open: then one probe
 * is made at a time, until one succeeds and closes the circuit. After each failed probe the circuit is open twice as
 * long, up to `MAX_OPEN_MS`. The scripts of the shared cache include its functions: they read and write it together
 * with the lease.
 */

/**
 * A string, absent if the circuit is closed and saw no failure: `UNTIL OPEN_MS PROBE PROBE_UNTIL FAILURES`. It is open
 * until UNTIL (0 if it never was), for OPEN_MS. PROBE is the lease of the probe or `-`. FAILURES are the times of the last
 * failures, separated by commas.
 */
export const CIRCUIT = "short-interest:circuit";

/**
 * These failures mean that no call can succeed now: no connection, no login, no reply, or a reply that says that OpenD's own
 * server does not answer. A call that is refused for another reason is a reply.
 */
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
/** The price of few probes: OpenD may be back for this long before it is called. */
const MAX_OPEN_MS = 5 * 60_000;
/** A circuit that saw no failure for this long is closed. */
const CIRCUIT_MEMORY_MS = 3_600_000;

/** Matches the value: until, open time, probe, end of the probe, failures. */
const FIELDS = "^(%d+) (%d+) (%S+) (%d+) (%S*)$";

/**
 * Lua functions for scripts that declare the circuit's key. `value` is its value as the script has read it; false if
 * there is none. Times are Unix times in milliseconds.
 *
 * `claimCall(circuit, value, lease, now, leaseMs)` claims the call, or the probe of a half-open circuit. Returns whether
 * the call is allowed.
 */
export const CLAIM_CALL_FUNCTION = `
local function claimCall(circuit, value, lease, now, leaseMs)
  local openUntil, openMs, probe, probeUntil, failures = string.match(value or '', '${FIELDS}')
  if not openUntil or openUntil == '0' then return true end
  if tonumber(openUntil) > now or tonumber(probeUntil) > now then return false end
  redis.call('SET', circuit, string.format('%s %s %s %.0f %s', openUntil, openMs, lease, now + leaseMs, failures),
    'PX', ${CIRCUIT_MEMORY_MS})
  return true
end
`;

/** `record(circuit, value, lease, now, failed)` records that the fetch of a lease ended without a usable reply. */
export const RECORD_FUNCTION = `
local function record(circuit, value, lease, now, failed)
  local openUntil, openMs, probe, probeUntil, failures = string.match(value or '', '${FIELDS}')
  openUntil, openMs = tonumber(openUntil) or 0, tonumber(openMs) or 0
  local probed = probe == lease
  if not failed and not probed then return end
  local times = {}
  for failedAt in string.gmatch(failures or '', '%d+') do
    if now - failedAt < ${FAILURE_WINDOW_MS} then table.insert(times, failedAt) end
  end
  if failed then
    table.insert(times, string.format('%.0f', now))
    while #times > ${FAILURE_THRESHOLD} do table.remove(times, 1) end
    if probed then
      openMs = math.min(2 * openMs, ${MAX_OPEN_MS})
      openUntil = now + openMs
    elseif #times >= ${FAILURE_THRESHOLD} then
      openMs = math.max(openMs, ${OPEN_MS})
      openUntil = math.max(openUntil, now + openMs)
    end
  end
  if probed then probe, probeUntil = '-', 0 end
  redis.call('SET', circuit, string.format('%.0f %.0f %s %.0f %s', openUntil, openMs, probe or '-',
    probeUntil or 0, table.concat(times, ',')), 'PX', ${CIRCUIT_MEMORY_MS})
end
`;

/** `close(circuit, value)` closes the circuit after a reply. */
export const CLOSE_FUNCTION = `
local function close(circuit, value)
  if value then redis.call('DEL', circuit) end
end
`;

/** The state of the circuit breaker. */
export interface Circuit {
  /** For how long it is still open, in milliseconds; 0 if it is not. */
  readonly openMs: number;
  /** For how long it was opened the last time, in milliseconds; 0 if it is closed. */
  readonly periodMs: number;
  /** Whether the next call is a probe. */
  readonly isHalfOpen: boolean;
  /** The lease of the probe that is on its way; undefined if there is none. */
  readonly probe: string | undefined;
}

/**
 * @param value of `CIRCUIT`; null if there is none
 * @param now Unix time, milliseconds
 */
export function parseCircuit(value: string | null, now: number): Circuit {
  const [, until = "0", periodMs = "0", probe, probeUntil = "0"] =
    /^(\d+) (\d+) (\S+) (\d+) /.exec(value ?? "") ?? [];
  const openMs = Math.max(0, Number(until) - now);
  const isHalfOpen = until !== "0" && openMs === 0;
  const isProbing = isHalfOpen && Number(probeUntil) > now;
  return { openMs, periodMs: Number(periodMs), isHalfOpen, probe: isProbing ? probe : undefined };
}

/**
 * For how long the circuit is open, in milliseconds; 0 if it is closed or half-open.
 * @param now Unix time, milliseconds
 * @throws Failure `store_unavailable`
 */
export async function circuitOpenMs(upstash: Upstash, now: number): Promise<number> {
  return parseCircuit(await upstash.exec((redis) => redis.get<string>(CIRCUIT)), now).openMs;
}

/**
 * The outcome of a fetch without a usable reply. `failed`: no connection, no login, no reply, or no reply of OpenD's own
 * server. `inconclusive`: no call, or an unreadable frame; the circuit does not change.
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
