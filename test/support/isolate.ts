import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { vi } from "vitest";
import worker from "../../functions/index.ts";
import type { Service } from "./service.ts";

/** A response, and whether it was reused: otherwise its ETag was computed. */
export interface Reply {
  readonly response: Response;
  /** A character for each byte. */
  readonly body: string;
  readonly isReused: boolean;
}

export type Requester = (
  path: string,
  headers?: Readonly<Record<string, string>>,
  method?: string,
) => Promise<Reply>;

/**
 * Returns a requester for which no finished response is in memory: the memory distinguishes the objects of bindings. So it
 * is like another isolate of the same data center, which shares the Cache API.
 * @param vars other variables than those of the service
 */
export function otherIsolate({ env, origin }: Service, vars: object = {}): Requester {
  const ownEnv = { ...env, ...vars };
  return async (path, headers = {}, method = "GET") => {
    const digest = vi.spyOn(crypto.subtle, "digest");
    const context = createExecutionContext();
    const response = await worker.fetch(new Request(origin + path, { headers, method }), ownEnv, context);
    await waitOnExecutionContext(context);
    const isReused = digest.mock.calls.every(([algorithm]) => algorithm !== "SHA-1");
    digest.mockRestore();
    const body = new TextDecoder("latin1").decode(await response.arrayBuffer());
    return { response, body, isReused };
  };
}
