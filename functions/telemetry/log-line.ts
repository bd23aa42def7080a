import type { FailureCode } from "../errors.ts";
import type { Counts, RequestStats } from "./request-stats.ts";

/** The facts of a log line that request stats do not have. */
export interface RequestEvent {
  /** The pattern of the route. Never the path, which may hold any text. */
  readonly route: string;
  readonly requestId: string;
  /** HTTP status; absent on a WebSocket and in jobs. */
  readonly status?: number;
  readonly code?: FailureCode | undefined;
  /** The error class of a fault in this program. */
  readonly fault?: string | undefined;
  /** The client, as `http/auth.ts` names it. */
  readonly client?: string | undefined;
  /** Milliseconds until the response. */
  readonly ms: number;
}

const KEY = "key:";

/**
 * The log line of a request, as JSON. It names a client by the name of its API key. An IP address is not logged, not
 * even as a digest: every address could be tried against it.
 */
export function logLine(
  { route, requestId, status, code, fault, client, ms }: RequestEvent,
  stats: RequestStats,
): string {
  const { symbols, pages, stale, failed, fetchFailures, opendTexts, calls, phases, subrequests, spans } =
    stats;
  return JSON.stringify({
    route,
    status,
    code,
    fault,
    request_id: requestId,
    trace_id: spans.traceId,
    key: client?.startsWith(KEY) ? client.slice(KEY.length) : undefined,
    symbols: symbols.size > 0 ? [...symbols] : undefined,
    pages: objectOf(pages),
    stale: objectOf(stale),
    failed: objectOf(failed),
    fetch_failures: objectOf(fetchFailures),
    opend: opendTexts.length > 0 ? opendTexts : undefined,
    calls,
    subrequests,
    ms: { ...objectOf(phases), total: ms },
  });
}

/** Undefined if there are no counts, so that JSON leaves it out. */
function objectOf(counts: Counts): Record<string, number> | undefined {
  return counts.size > 0 ? Object.fromEntries(counts) : undefined;
}
