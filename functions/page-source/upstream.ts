import type { OpendAddress } from "../opend/connect.ts";
import { type OpendSession, openSession } from "../opend/session.ts";
import { encodePageRequest, GET_SHORT_INTEREST, type PageRequest } from "../opend/short-interest.ts";
import type { Permit, PermitRequest, Permits, Settlement } from "../rate-limit/permits.ts";
import { callWithPermit } from "../rate-limit/permitted-call.ts";
import type { RequestStats } from "../telemetry/request-stats.ts";
import { type Deadlines, requestTimeout, withTimeout } from "../timeout.ts";
import type { ScriptCall } from "../upstash.ts";

export interface UpstreamDeps {
  readonly opend: OpendAddress;
  readonly permits: Permits;
  readonly deadlines: Deadlines;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly stats: RequestStats;
}

/** A reply of OpenD. */
export interface Fetched {
  /** Its body, whether it is a page or a refusal. */
  readonly reply: Uint8Array<ArrayBuffer>;
  /**
   * The settlement of the call's permit, for the script that stores the reply.
   * `wasted`: whether the call requested a symbol or cursor that does not exist.
   */
  readonly settlement: (call: { readonly wasted: boolean }) => Settlement;
  /** The same settlement as a script of its own, for a reply that is not stored. */
  readonly settleScript: (call: { readonly wasted: boolean }) => ScriptCall;
}

/** OpenD, behind the rate limit. */
export interface Upstream {
  /**
   * Fetches one page: a permit, a connection, one call. The permit counts until the caller settles it. The connection
   * closes, unless `reuseConnection` keeps it.
   * @param connectEarly whether to connect while the permit is acquired
   * @throws LeaseNotAcquired; Failure as the permits and the session do; `request_timeout`
   */
  fetch(request: PageRequest, permitRequest: PermitRequest, connectEarly: boolean): Promise<Fetched>;
  /** Leaves the connection open for the next fetch, until the returned function is called. */
  reuseConnection(): () => void;
}

/**
 * A connection usually opens while its permit is acquired, which saves a round trip. In a burst most permits are
 * refused, and OpenD accepts 128 connections in total: past this number in one isolate, the permit comes first.
 */
const MAX_EARLY_CONNECTS = 4;
let earlyConnects = 0;

/** A slow reader of a history must not hold one of OpenD's 128 connections for longer. */
const IDLE_CONNECTION_MS = 2_000;

export function createUpstream(deps: UpstreamDeps): Upstream {
  const idle = new IdleConnection();
  return {
    fetch: (request, permitRequest, connectEarly) =>
      withTimeout(
        deps.deadlines.request,
        () => requestTimeout(deps.deadlines.request),
        (signal) => callOnce(deps, idle, request, permitRequest, connectEarly, signal),
      ),
    reuseConnection: () => idle.reuse(),
  };
}

/** A connection that waits for the next fetch of the same request. */
class IdleConnection {
  #isReused = false;
  #session: OpendSession | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  reuse(): () => void {
    this.#isReused = true;
    return () => {
      this.#isReused = false;
      this.take()?.close();
    };
  }

  take(): OpendSession | undefined {
    const session = this.#session;
    this.#session = undefined;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    return session?.isOpen() ? session : undefined;
  }

  /** Keeps the session if it can be reused, and closes it otherwise. */
  put(session: OpendSession): void {
    if (!this.#isReused || this.#session !== undefined || !session.isOpen()) {
      session.close();
      return;
    }
    this.#session = session;
    this.#timer = setTimeout(() => this.take()?.close(), IDLE_CONNECTION_MS);
  }
}

async function callOnce(
  deps: UpstreamDeps,
  idle: IdleConnection,
  request: PageRequest,
  permitRequest: PermitRequest,
  connectEarly: boolean,
  signal: AbortSignal,
): Promise<Fetched> {
  const { stats, waitUntil } = deps;
  const permits: Permits = {
    ...deps.permits,
    acquire: (...args) => stats.time("limit", deps.permits.acquire(...args)),
  };
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  let opening: Promise<OpendSession> | undefined;
  try {
    const { reply, permit } = await callWithPermit(permits, permitRequest, {
      connect(acquiring) {
        const reused = idle.take();
        opening = reused ? Promise.resolve(reused) : open(deps, acquiring, connectEarly, controller.signal);
        return opening;
      },
      call(session, { remaining }) {
        stats.calls += 1;
        stats.remaining = remaining;
        const body = encodePageRequest(request);
        return stats.time("call", session.call(GET_SHORT_INTEREST, body, controller.signal));
      },
      signal: controller.signal,
      waitUntil,
    });
    return {
      reply: reply.slice(),
      settlement: ({ wasted }) => permits.settlement(permit, wasted),
      settleScript: ({ wasted }) => permits.settleScript(permit, wasted),
    };
  } finally {
    signal.removeEventListener("abort", abort);
    opening?.then((session) => idle.put(session), ignoreFailure);
    controller.abort();
  }
}

/** Opens a session: before its permit is acquired if `connectEarly` is set, unless many others do. */
async function open(
  { opend, deadlines, stats }: UpstreamDeps,
  acquiring: Promise<Permit>,
  connectEarly: boolean,
  signal: AbortSignal,
): Promise<OpendSession> {
  if (connectEarly && earlyConnects < MAX_EARLY_CONNECTS) {
    earlyConnects += 1;
    const onAcquired = () => {
      earlyConnects -= 1;
    };
    acquiring.then(onAcquired, onAcquired);
  } else {
    await acquiring;
  }
  stats.countSubrequest();
  return stats.time("connect", openSession(opend, deadlines, signal));
}

/** A connection that could not be opened is not put back. */
function ignoreFailure(): void {}
