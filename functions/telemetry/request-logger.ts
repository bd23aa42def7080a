import { DEADLINES } from "../timeout.ts";
import { createUpstash, type UpstashAddress } from "../upstash.ts";
import { type Counters, countsOf, createCounters } from "./counters.ts";
import { logLine, type RequestEvent } from "./log-line.ts";
import type { RequestStats } from "./request-stats.ts";

/** Follows a request and its background work to the end, then writes the log line and the counters. */
export interface RequestLogger {
  waitUntil(work: Promise<unknown>): void;
  /** Registers the end of a streamed body. The stream keeps the Worker running. */
  trackBody(ended: Promise<unknown>): void;
  /**
   * Call it when the response starts.
   * @param upstash the database of the counters; undefined if the configuration is invalid
   */
  finish(event: RequestEvent, stats: RequestStats, upstash: UpstashAddress | undefined): void;
}

export function createRequestLogger(waitUntil: (work: Promise<unknown>) => void): RequestLogger {
  const started: Promise<unknown>[] = [];
  let body: Promise<unknown> | undefined;
  return {
    trackBody(ended) {
      body = ended;
    },
    waitUntil(work) {
      started.push(work);
      waitUntil(work);
    },
    finish(event, stats, upstash) {
      const write = () => {
        writeLogLine(event, stats);
        if (upstash) countersOf(upstash, stats, waitUntil).add(countsOf(stats, event.code));
      };
      if (body === undefined && started.length === 0) return write();
      const writeLater = async () => {
        await body;
        // Background work may start more of it.
        for (const work of started) await work.catch(() => undefined);
        write();
      };
      const written = writeLater();
      // A client may never read a streamed body to its end.
      if (body === undefined) waitUntil(written);
    },
  };
}

/** Logs a fault of this program, or of its configuration, as an error of the platform as well. */
export function writeLogLine(event: RequestEvent, stats: RequestStats): void {
  // biome-ignore lint/suspicious/noConsole: it is the log of a Worker
  const write = event.status === 500 ? console.error : console.log;
  write(logLine(event, stats));
}

export function countersOf(
  address: UpstashAddress,
  stats: RequestStats,
  waitUntil: (work: Promise<unknown>) => void,
): Counters {
  return createCounters(
    createUpstash(address, DEADLINES.upstash, stats.countSubrequest),
    address.url,
    waitUntil,
    Date.now,
  );
}
