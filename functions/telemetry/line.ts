import type { FailureCode } from "../failure.ts";
import type { Tally, Trace } from "../trace.ts";

/** What a log line says beside what its trace does. */
export interface Occasion {
  /** The route's pattern, never the path: anything may stand in that. */
  readonly route: string;
  readonly requestId: string;
  /** HTTP status; absent where it was no HTTP. */
  readonly status?: number;
  /** Why there was no answer. */
  readonly code?: FailureCode | undefined;
  /** The kind of a fault in this program. */
  readonly fault?: string | undefined;
  /** Whoever asked, as `http/auth.ts` names it. */
  readonly client?: string | undefined;
  /** Milliseconds until the answer. */
  readonly ms: number;
}

const KEY = "key:";

/**
 * The one line that the log has of a request, as JSON. It names a caller by the name of its key; an address is
 * not written down, not even as a digest, which anybody could try all addresses on.
 */
export function logLine(
  { route, requestId, status, code, fault, client, ms }: Occasion,
  trace: Trace,
): string {
  const { symbols, pages, stale, missed, fetchFailures, calls, steps, subrequests } = trace;
  return JSON.stringify({
    route,
    status,
    code,
    fault,
    request: requestId,
    key: client?.startsWith(KEY) ? client.slice(KEY.length) : undefined,
    symbols: symbols.size > 0 ? [...symbols] : undefined,
    pages: record(pages),
    stale: record(stale),
    missed: record(missed),
    fetch_failures: record(fetchFailures),
    calls,
    subrequests,
    ms: { ...record(steps), total: ms },
  });
}

/** Absent where there is nothing in it. */
function record(tally: Tally): Record<string, number> | undefined {
  return tally.size > 0 ? Object.fromEntries(tally) : undefined;
}
