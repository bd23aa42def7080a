import type { Context } from "hono";
import type { Config } from "./env.ts";
import type { FailureCode } from "./failure.ts";
import type { PageSource } from "./pages/source.ts";
import type { Trace } from "./trace.ts";

declare module "hono" {
  /** Hono's type leaves out what only Workers have. */
  interface ExecutionContext {
    /** Cancels the invocation, and drops its connection. */
    abort(reason?: unknown): void;
  }
}

/** What is known of a request before its route is asked. */
export interface Scope {
  Variables: {
    requestId: string;
    trace: Trace;
    config: Config;
    /** Whoever asks, as `http/auth.ts` names it. */
    client: string;
    /** `private` where answers are for the holders of keys alone. */
    visibility: "public" | "private";
    pages: PageSource;
    /** Keeps the Worker running until what it is given has ended. */
    background: (work: Promise<unknown>) => void;
    /** Told when the body of the answer will have been sent, where it goes on after the answer has begun. */
    sending: (ended: Promise<unknown>) => void;
    /** Why there was no answer, once there is none. */
    code?: FailureCode;
  };
}

export type RouteContext = Context<Scope>;
