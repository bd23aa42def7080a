import type { Context, MiddlewareHandler } from "hono";
import type { Config } from "../env.ts";
import type { FailureCode } from "../errors.ts";
import type { PageSource } from "../page-source/page-source.ts";
import type { RequestStats } from "../telemetry/request-stats.ts";
import type { PlatformTracing } from "../telemetry/spans.ts";

declare module "hono" {
  /** Hono's type lacks these members of Workers. */
  interface ExecutionContext {
    /** Absent in older runtimes. */
    readonly tracing?: PlatformTracing;
    /** Cancels the invocation, and drops its connection. */
    abort(reason?: unknown): void;
  }
}

/** A response of fresh pages of the edge cache, which may be reused. Times are Unix times in milliseconds. */
export interface Reusable {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly etag: string;
  /** When its oldest page was fetched. */
  readonly fetchedAt: number;
  /** Its `max-age`, in seconds. */
  readonly lifetime: number;
  /** Until when it may be reused. */
  readonly until: number;
}

/** Variables that middleware sets for the routes. */
export interface AppEnv {
  Variables: {
    requestId: string;
    stats: RequestStats;
    config: Config;
    /** The API key of the URL, which the URL no longer has; undefined without one. */
    queryKey?: string;
    /** The client, as `http/auth.ts` names it. */
    client: string;
    /** The authentication of the request, once it has begun. */
    authentication?: Promise<string>;
    /** `private` if responses are for clients with an API key only. */
    visibility: "public" | "private";
    pageSource: PageSource;
    /** Like `ExecutionContext.waitUntil`; the log line is written after this work. */
    waitUntil: (work: Promise<unknown>) => void;
    /** Registers the end of a streamed body, so that the log line is written after it. */
    trackBody: (ended: Promise<unknown>) => void;
    /** Set by a route whose response may be reused. */
    reusable?: Reusable;
    /** The error code of the response, if it has one. */
    code?: FailureCode;
  };
}

export type AppContext = Context<AppEnv>;
export type Middleware = MiddlewareHandler<AppEnv>;
