import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Set before wrangler loads: it would otherwise ask the internet for an example of request.cf.
process.env.CLOUDFLARE_CF_FETCH_ENABLED ??= "false";
process.env.WRANGLER_LOG ??= "warn";
const { unstable_startWorker: startWorker } = await import("wrangler");

/** A Worker in workerd on this machine, with an empty edge cache that it shares with no other. */
export interface LocalWorker {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

export interface LocalWorkerOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** How many requests one address may make; by default as in wrangler.toml. */
  readonly requestsPerMinute?: number;
  /** Rate limit of a key, in requests a minute; by default as in wrangler.toml. */
  readonly requestsPerMinutePerKey?: number;
  /** Whether what the Worker writes to its console is printed, and not its warnings alone. */
  readonly console?: boolean;
  /** The configuration file of another Worker than this project's. */
  readonly config?: string;
}

/** More requests than anything on this machine makes. */
export const UNLIMITED: LocalWorkerOptions = {
  requestsPerMinute: 1_000_000_000,
  requestsPerMinutePerKey: 1_000_000_000,
};

const rateLimit = (namespaceId: string, limit: number) => ({
  type: "ratelimit" as const,
  namespace_id: namespaceId,
  simple: { limit, period: 60 as const },
});

export async function startLocalWorker(
  vars: Readonly<Record<string, string>>,
  {
    port = 0,
    requestsPerMinute,
    requestsPerMinutePerKey,
    console: isHeard = false,
    config = "wrangler.toml",
  }: LocalWorkerOptions = {},
): Promise<LocalWorker> {
  const state = await mkdtemp(join(tmpdir(), "short-interest-edge-"));
  const worker = await startWorker({
    config,
    // The variables given are all there are.
    envFiles: [],
    bindings: {
      // An OpenD without a key has an empty one: wrangler.toml wants it to be set.
      ...Object.fromEntries(
        Object.entries({ OPEND_KEY: "", ...vars }).map(([name, value]) => [
          name,
          { type: "secret_text" as const, value },
        ]),
      ),
      ...(requestsPerMinute !== undefined && {
        REQUESTS_PER_CLIENT: rateLimit("3249", requestsPerMinute),
      }),
      ...(requestsPerMinutePerKey !== undefined && {
        REQUESTS_PER_KEY: rateLimit("3250", requestsPerMinutePerKey),
      }),
    },
    dev: {
      server: { hostname: "localhost", port },
      inspector: false,
      watch: false,
      persist: state,
      logLevel: isHeard ? "log" : "warn",
    },
  });
  await worker.ready;
  return {
    origin: (await worker.url).origin,
    async close() {
      await worker.dispose();
      await rm(state, { recursive: true, force: true });
    },
  };
}
