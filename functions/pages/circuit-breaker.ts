import type { Upstash } from "../upstash.ts";

/**
 * The circuit breaker in front of OpenD, shared by all data centers. Closed: calls pass. Open: after
 * `FAILURE_THRESHOLD` failures within `FAILURE_WINDOW_MS` no call is made for `OPEN_MS`. Half-open: then one probe
 * is made at a time, until one succeeds and closes the circuit.
 */

/** A hash: the times of the last failures, `open` until when, and the lease of the `probe` and its end. */
export const CIRCUIT = "short-interest:circuit";

const FAILURE_THRESHOLD = 5;
const FAILURE_WINDOW_MS = 30_000;
const OPEN_MS = 10_000;
/** A circuit that saw no failure for this long is closed. */
const CIRCUIT_MEMORY_MS = 3_600_000;

/**
 * Lua functions for scripts that declare the circuit's key. Times are Unix times in milliseconds.
 * `admit(circuit, lease, now, leaseMs)` → nil if the lease may call OpenD, else for how long the circuit is open:
 * 0 while another lease probes.
 */
export const ADMIT = `
local function admit(circuit, lease, now, leaseMs)
  local state = redis.call('HMGET', circuit, 'open', 'probing')
  if not state[1] then return nil end
  if tonumber(state[1]) > now then return state[1] - now end
  if state[2] and tonumber(state[2]) > now then return 0 end
  redis.call('HSET', circuit, 'probe', lease, 'probing', now + leaseMs)
  return nil
end
`;

/** `record(circuit, lease, now, failed)` notes that the fetch of a lease ended without a reply. */
export const RECORD = `
local function record(circuit, lease, now, failed)
  local state = redis.call('HMGET', circuit, 'failures', 'probe')
  local probed = state[2] == lease
  if probed then redis.call('HDEL', circuit, 'probe', 'probing') end
  if not failed then return end
  local failures = {}
  for at in string.gmatch(state[1] or '', '%d+') do
    if now - at < ${FAILURE_WINDOW_MS} then table.insert(failures, at) end
  end
  table.insert(failures, string.format('%.0f', now))
  while #failures > ${FAILURE_THRESHOLD} do table.remove(failures, 1) end
  redis.call('HSET', circuit, 'failures', table.concat(failures, ' '))
  if probed or #failures >= ${FAILURE_THRESHOLD} then redis.call('HSET', circuit, 'open', now + ${OPEN_MS}) end
  redis.call('PEXPIRE', circuit, ${CIRCUIT_MEMORY_MS})
end
`;

/** `close(circuit)`: OpenD has answered. */
export const CLOSE = `
local function close(circuit) redis.call('DEL', circuit) end
`;

/**
 * For how long the circuit is open, in milliseconds; 0 if it is closed or half-open.
 * @param now Unix time, milliseconds
 * @throws Failure `store_unavailable`
 */
export async function circuitOpenMs(upstash: Upstash, now: number): Promise<number> {
  const open = await upstash.ask((redis) => redis.hget<string>(CIRCUIT, "open"));
  return open === null ? 0 : Math.max(0, Number(open) - now);
}
