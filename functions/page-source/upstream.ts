import type { OpendAddress } from "../opend/connect.ts";
import { type OpendSession, openSession } from "../opend/session.ts";
import { encodePageRequest, GET_SHORT_INTEREST, type PageRequest } from "../opend/short-interest.ts";
import type { Permit, PermitRequest, Permits, Settlement } from "../rate-limit/permits.ts";
import { callWithPermit } from "../rate-limit/permitted-call.ts";
import type { RequestStats } from "../telemetry/request-stats.ts";
import { type Deadlines, requestTimeout, withTimeout } from "../timeout.ts";
import type { ScriptCall } from "../upstash.ts";
import type { FetchLikelihood } from "./fetch-likelihood.ts";

export interface UpstreamDeps {
  readonly opend: OpendAddress;
  readonly permits: Permits;
  readonly deadlines: Deadlines;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly stats: RequestStats;
  /** Falls to 0 if a connection fails. */
  readonly likelihood: FetchLikelihood;
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
  /**
   * Connects and logs in before a permit is requested.
   * @returns undefined if a kept connection goes first, or if many others connect without a permit
   */
  connectAhead(): ConnectionAhead | undefined;
  /** Leaves the connection open for the next fetch, until the returned function is called. */
  reuseConnection(): () => void;
}

/** A connection for one fetch. */
export interface ConnectionAhead {
  /**
   * Fetches one page, as `Upstream.fetch` does.
   * @param acquiring the permit, if it was requested before
   */
  fetch(request: PageRequest, permitRequest: PermitRequest, acquiring?: Promise<Permit>): Promise<Fetched>;
  /** Drops the connection. Call either this or `fetch`. */
  close(): void;
}

/**
 * A connection usually opens before its permit is acquired, which saves a round trip or two. In a burst most permits are
 * refused, and OpenD accepts 128 connections in total: past this number in one isolate, the permit comes first.
 */
const MAX_EARLY_CONNECTS = 4;
/** The time at which each of them began. In an invocation that was cut off it never ends, so old ones do not count. */
const earlyConnects = new Set<{ readonly since: number }>();

/** A connection that opens, or waits, without a permit. */
interface EarlyConnection {
  readonly opening: Promise<OpendSession>;
  /** Drops a connection that is opening. */
  readonly controller: AbortController;
  /** No longer counts it as early. Call it once. */
  readonly end: () => void;
}

/** A slow reader of a history must not hold one of OpenD's 128 connections for longer. */
const IDLE_CONNECTION_MS = 2_000;

export function createUpstream(deps: UpstreamDeps): Upstream {
  const idle = new IdleConnection();
  const connect = () => (idle.hasSession() ? undefined : openEarly(deps));
  const fetchOn = (
    early: EarlyConnection | undefined,
    request: PageRequest,
    permitRequest: PermitRequest,
    acquiring?: Promise<Permit>,
  ) => {
    const acquire: Permits["acquire"] = (permitRequest, replaces) =>
      acquiring && !replaces ? acquiring : deps.permits.acquire(permitRequest, replaces);
    const fetchDeps = { ...deps, permits: { ...deps.permits, acquire } };
    return withTimeout(
      deps.deadlines.request,
      () => requestTimeout(deps.deadlines.request),
      (signal) => callOnce(fetchDeps, idle, early, request, permitRequest, signal),
    );
  };
  return {
    fetch: (request, permitRequest, connectEarly) =>
      fetchOn(connectEarly ? connect() : undefined, request, permitRequest),
    connectAhead() {
      const early = connect();
      return (
        early && {
          fetch: (...args) => fetchOn(early, ...args),
          close() {
            early.end();
            early.controller.abort();
            early.opening.then((session) => session.close(), ignoreFailure);
          },
        }
      );
    },
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

  hasSession(): boolean {
    return this.#session?.isOpen() === true;
  }

  take(): OpendSession | undefined {
    const session = this.#session;
    this.#session = undefined;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    return session?.isOpen() ? session : undefined;
  }

  /** Keeps the session if it can be reused, and closes it otherwise. */
  put(session: OpendSession): void {
    if (!this.#isReused || this.hasSession() || !session.isOpen()) {
      session.close();
      return;
    }
    // Ends the timer of a session that OpenD has dropped.
    this.take();
    this.#session = session;
    this.#timer = setTimeout(() => this.take()?.close(), IDLE_CONNECTION_MS);
  }
}

async function callOnce(
  deps: UpstreamDeps,
  idle: IdleConnection,
  early: EarlyConnection | undefined,
  request: PageRequest,
  permitRequest: PermitRequest,
  signal: AbortSignal,
): Promise<Fetched> {
  const { permits, stats, waitUntil } = deps;
  const controller = early?.controller ?? new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  let opening: Promise<OpendSession> | undefined;
  try {
    const { reply, permit } = await callWithPermit(permits, permitRequest, {
      connect(acquiring) {
        if (early) acquiring.then(early.end, early.end);
        const openWithPermit = async () => idle.take() ?? acquiring.then(() => open(deps, controller.signal));
        opening = early?.opening ?? openWithPermit();
        return opening;
      },
      call(session, { remaining }) {
        stats.calls += 1;
        stats.remaining = remaining;
        const body = encodePageRequest(request);
        return stats.time("call", () => session.call(GET_SHORT_INTEREST, body, controller.signal));
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

/** Opens a session before its permit is acquired, unless many others do. */
function openEarly(deps: UpstreamDeps): EarlyConnection | undefined {
  const now = Date.now();
  for (const other of earlyConnects) {
    if (now - other.since > deps.deadlines.request) earlyConnects.delete(other);
  }
  if (earlyConnects.size >= MAX_EARLY_CONNECTS) return undefined;
  const own = { since: now };
  earlyConnects.add(own);
  const controller = new AbortController();
  const opening = open(deps, controller.signal);
  // It may fail before a fetch waits for it.
  opening.catch(ignoreFailure);
  return {
    opening,
    controller,
    end: () => earlyConnects.delete(own),
  };
}

async function open(
  { opend, deadlines, stats, likelihood }: UpstreamDeps,
  signal: AbortSignal,
): Promise<OpendSession> {
  stats.countSubrequest();
  try {
    return await stats.time("connect", () => openSession(opend, deadlines, signal));
  } catch (failure) {
    if (!signal.aborted) likelihood.reset();
    throw failure;
  }
}

/** A connection that could not be opened is not put back. */
function ignoreFailure(): void {}
