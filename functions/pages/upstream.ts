import { type Deadlines, pause, requestTimeout, within } from "../deadline.ts";
import { Failure } from "../failure.ts";
import type { Need, Permit, Permits } from "../limit/permits.ts";
import type { OpendAddress } from "../opend/connect.ts";
import { type OpendSession, openSession } from "../opend/session.ts";
import { encodePageRequest, GET_SHORT_INTEREST, type PageRequest } from "../opend/short-interest.ts";
import type { Trace } from "../trace.ts";

export interface UpstreamParts {
  readonly opend: OpendAddress;
  readonly permits: Permits;
  readonly deadlines: Deadlines;
  /** How old a permit may be when its call is sent, in milliseconds. */
  readonly guardMs: number;
  /** Keeps the Worker running until what it is given has ended. */
  readonly background: (work: Promise<unknown>) => void;
  readonly trace: Trace;
}

/**
 * To save time a connection opens while its permit is asked for. In a burst most permits are refused,
 * and as many connections would open for nothing, while OpenD takes 128 in all: past this many at once
 * in one isolate, the permit comes first.
 */
const MOST_OPENING_AHEAD = 4;
let openingAhead = 0;

/** An answer of OpenD. */
export interface Fetched {
  /** The body of its reply, whether it is a page or a refusal. */
  readonly reply: Uint8Array<ArrayBuffer>;
  /** The permit that it took; whoever keeps the reply settles it. */
  readonly permit: Permit;
}

/** The way to OpenD. */
export interface Upstream {
  /**
   * Asks for one page: a permit, a connection, one call, and nothing left behind.
   * @throws Failure as the permits and the session do
   */
  fetch(request: PageRequest, need: Need): Promise<Fetched>;
  /** From now on leaves the last connection open for the next page, until what it returns is called. */
  keepConnection(): () => void;
}

export function createUpstream(parts: UpstreamParts): Upstream {
  const spare = new Spare();
  return {
    fetch: (request, need) =>
      within(
        parts.deadlines.request,
        () => requestTimeout(parts.deadlines.request),
        (signal) => callOnce(parts, spare, request, need, signal),
      ),
    keepConnection: () => spare.keep(),
  };
}

/** OpenD takes 128 connections in all, so none is held for long by somebody who reads slowly. */
const SPARE_MS = 2_000;

/** A connection that its last user has left open for the next one. */
class Spare {
  #keeping = false;
  #session: OpendSession | undefined;
  #ending: ReturnType<typeof setTimeout> | undefined;

  keep(): () => void {
    this.#keeping = true;
    return () => {
      this.#keeping = false;
      this.take()?.close();
    };
  }

  take(): OpendSession | undefined {
    const session = this.#session;
    this.#session = undefined;
    if (this.#ending !== undefined) clearTimeout(this.#ending);
    return session?.isOpen() ? session : undefined;
  }

  /** Keeps it, or closes it where nobody wants it. */
  leave(session: OpendSession): void {
    if (!this.#keeping || this.#session !== undefined || !session.isOpen()) {
      session.close();
      return;
    }
    this.#session = session;
    this.#ending = setTimeout(() => this.take()?.close(), SPARE_MS);
  }
}

async function callOnce(
  parts: UpstreamParts,
  spare: Spare,
  request: PageRequest,
  need: Need,
  signal: AbortSignal,
): Promise<Fetched> {
  const { permits, background, trace } = parts;
  const ending = new AbortController();
  const stop = () => ending.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });

  let taking = trace.time("limit", permits.take(need));
  const left = spare.take();
  const opening = left ? Promise.resolve(left) : open(parts, taking, ending.signal);
  let called = false;
  try {
    const ready = async (permit: Permit) => {
      const ms = permit.startsAt - Date.now();
      if (ms <= 0) return;
      await pause(ms, ending.signal);
      // OpenD may have refused somebody meanwhile.
      await permits.confirm();
    };
    const [session] = await Promise.all([opening, taking.then(ready)]);
    if (tooOld(await taking, parts.guardMs)) {
      // The connection took its time. It is open now, so the next permit is used at once.
      taking = trace.time("limit", permits.take(need, await taking));
      await taking.then(ready);
      if (tooOld(await taking, parts.guardMs)) {
        throw new Failure("store_unavailable", "The store that all data centres share answers too slowly");
      }
    }
    signal.throwIfAborted();
    called = true;
    trace.calls += 1;
    trace.left = (await taking).left;
    const body = encodePageRequest(request);
    const reply = await trace.time("call", session.call(GET_SHORT_INTEREST, body, ending.signal));
    return { reply: reply.slice(), permit: await taking };
  } finally {
    signal.removeEventListener("abort", stop);
    if (!called) background(taking.then(permits.giveBack).catch(ignored));
    opening.then((session) => spare.leave(session), ignored);
    ending.abort();
  }
}

/** Opens the session, ahead of the permit where few others do. */
async function open(
  { opend, deadlines, trace }: UpstreamParts,
  taking: Promise<Permit>,
  signal: AbortSignal,
): Promise<OpendSession> {
  if (openingAhead < MOST_OPENING_AHEAD) {
    openingAhead += 1;
    const asked = () => {
      openingAhead -= 1;
    };
    taking.then(asked, asked);
  } else {
    await taking;
  }
  trace.spend();
  return trace.time("connect", openSession(opend, deadlines, signal));
}

function tooOld(permit: Permit, guardMs: number): boolean {
  return Date.now() - permit.startedAfter > guardMs;
}

/** What could not be given back leaves the log by itself, later: a call less, never one more. */
function ignored(): void {}
