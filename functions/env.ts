import * as v from "valibot";
import { Failure } from "./errors.ts";
import type { ApiKey, AuthConfig } from "./http/auth.ts";
import { canonicalHost } from "./http/canonical-host.ts";
import type { OpendAddress } from "./opend/connect.ts";
import type { UpstashAddress } from "./upstash.ts";

/** The queue between outbox and delivery. `Job` is checked where a message arrives, not here. */
export type DeliveryQueue<Job = unknown> = Pick<Queue<Job>, "send" | "sendBatch">;

/** What the Worker's variables and secrets say, checked. The README describes each. */
export interface Config {
  /** Origins whose pages may read answers in a browser; `*` for all. */
  readonly allowedOrigins: "*" | readonly string[];
  readonly access: AuthConfig;
  readonly opend: OpendAddress;
  readonly upstash: UpstashAddress;
  readonly quota: {
    /** Calls in a window. */
    readonly limit: number;
    readonly windowMs: number;
    /** How long a request may wait for a permit. */
    readonly waitMs: number;
    /** Calls in a window that one client may cause. */
    readonly clientShare: number;
  };
  readonly webhooks: {
    /** Carries messages to those who send them; undefined where there are no webhooks. */
    readonly queue: DeliveryQueue | undefined;
    /** Origins that may be sent to, though the rules for addresses exclude them. */
    readonly trustedOrigins: readonly string[];
    /** Host names of this service, which nothing is sent to. */
    readonly ownHosts: readonly string[];
    /** Keys that encrypt signing secrets, 32 bytes each, the current one first; undefined where none is set. */
    readonly secretKeys: readonly Uint8Array<ArrayBuffer>[] | undefined;
  };
  /** How many subrequests the platform allows a request. */
  readonly subrequests: number;
}

const url = (...protocols: string[]) =>
  v.pipe(
    v.string("is not set"),
    v.trim(),
    v.check(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `is not a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
    ),
    v.check((text) => new URL(text).username === "" && new URL(text).password === "", "holds a user name"),
    v.transform((text) => new URL(text)),
  );

const secret = v.pipe(
  v.string("is not set"),
  v.regex(/^[\x21-\x7e]+$/, "is empty or has a character that no header can carry"),
);

const whole = (least: number, most: number, otherwise: string) => {
  const problem = `is not a whole number from ${least} to ${most}`;
  return v.pipe(
    // A number in wrangler.toml arrives as one.
    v.optional(v.pipe(v.union([v.string(), v.number()], problem), v.transform(String)), otherwise),
    v.regex(/^\d{1,9}$/, problem),
    v.transform(Number),
    v.minValue(least, problem),
    v.maxValue(most, problem),
  );
};

const ORIGINS = "is neither * nor a comma-separated list of origins such as https://example.com";
const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;
const list = v.transform((text: string) => text.split(",").map((each) => each.trim()));
const origins = v.pipe(
  v.optional(v.string(ORIGINS), "*"),
  list,
  v.check((all) => all.join() === "*" || all.every(isOrigin), ORIGINS),
  v.transform((all) => (all.join() === "*" ? ("*" as const) : all)),
);
const TRUSTED = "is not a comma-separated list of origins such as http://localhost:9000";
const trustedOrigins = v.pipe(v.string(TRUSTED), list, v.everyItem(isOrigin, TRUSTED));

const HOSTS = "is not a comma-separated list of host names such as short-interest.example.com";
const ownHosts = v.pipe(
  v.string(HOSTS),
  list,
  v.everyItem((each) => canonicalHost(each) !== undefined, HOSTS),
);

const KEYS =
  "is not a comma-separated list of name:digest:digest, as `npm run key` prints them, each name once";
const HEX = "[0-9a-fA-F]{64}";
const ENTRY = new RegExp(`^[\\w.-]{1,64}:${HEX}(?::${HEX})?$`);
const apiKeys = v.pipe(
  v.string(KEYS),
  list,
  v.everyItem((each) => ENTRY.test(each), KEYS),
  v.transform((all) =>
    all.map((each): ApiKey => {
      const [name = "", digest = "", opendDigest] = each.split(":");
      return {
        name,
        digest: bytesOf(digest),
        opendDigest: opendDigest === undefined ? undefined : bytesOf(opendDigest),
      };
    }),
  ),
  v.check((all) => new Set(all.map(({ name }) => name)).size === all.length, KEYS),
);

const SECRET_KEYS =
  "is not a comma-separated list of 32 bytes in base64 each, as `openssl rand -base64 32` prints them";
const secretKeys = v.pipe(
  v.string(SECRET_KEYS),
  list,
  v.everyItem((each) => /^[A-Za-z0-9+/]{43}=$/.test(each), SECRET_KEYS),
  v.transform((all) => all.map((each) => Uint8Array.from(atob(each), (char) => char.charCodeAt(0)))),
);

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

const rateLimit = v.custom<Pick<RateLimit, "limit">>(
  (binding) => typeof binding === "object" && binding !== null && "limit" in binding,
  "is not a rate-limit binding",
);

const queue = v.custom<DeliveryQueue>(
  (binding) => typeof binding === "object" && binding !== null && "sendBatch" in binding,
  "is not a queue",
);

const Variables = v.object(
  {
    OPEND_URL: url("ws:", "wss:"),
    OPEND_KEY: v.optional(v.string("is not text")),
    OPEND_ACCESS_CLIENT_ID: v.optional(secret),
    OPEND_ACCESS_CLIENT_SECRET: v.optional(secret),
    UPSTASH_REDIS_REST_URL: url("https:", "http:"),
    UPSTASH_REDIS_REST_TOKEN: secret,
    UPSTREAM_LIMIT: whole(1, 30, "30"),
    UPSTREAM_WINDOW_SECONDS: whole(1, 3_600, "30"),
    UPSTREAM_WAIT_MS: whole(0, 10_000, "3000"),
    CLIENT_SHARE: whole(1, 30, "15"),
    ALLOWED_ORIGINS: origins,
    API_KEYS: v.optional(apiKeys),
    REQUESTS_PER_CLIENT: v.optional(rateLimit),
    REQUESTS_PER_KEY: v.optional(rateLimit),
    WEBHOOK_QUEUE: v.optional(queue),
    WEBHOOK_TRUSTED_ORIGINS: v.optional(trustedOrigins),
    WEBHOOK_SECRET_KEY: v.optional(secretKeys),
    OWN_HOSTS: v.optional(ownHosts),
    SUBREQUEST_LIMIT: whole(50, 10_000, "50"),
  },
  "is not set",
);

const BINDINGS: readonly string[] = ["REQUESTS_PER_CLIENT", "REQUESTS_PER_KEY", "WEBHOOK_QUEUE"];
/** The variables that are text; the README describes each. */
export const VARIABLE_NAMES = Object.keys(Variables.entries).filter((name) => !BINDINGS.includes(name));

/** What has been found of bindings, which are the same objects for as long as an isolate lives. */
const known = new WeakMap<object, Config>();

/**
 * Checks the Worker's bindings.
 * @throws Failure `misconfigured`, which names the variable and never its value
 */
export function parseEnv(env: unknown): Config {
  if (typeof env !== "object" || env === null) return readEnv(env);
  const config = known.get(env) ?? readEnv(env);
  known.set(env, config);
  return config;
}

function readEnv(env: unknown): Config {
  const result = v.safeParse(Variables, env, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    throw misconfigured(v.getDotPath(issue) ?? "The environment", issue.message);
  }
  const vars = result.output;
  return {
    allowedOrigins: vars.ALLOWED_ORIGINS,
    access: {
      apiKeys: vars.API_KEYS,
      requests: vars.REQUESTS_PER_CLIENT,
      requestsPerKey: vars.REQUESTS_PER_KEY,
    },
    opend: { url: vars.OPEND_URL, key: vars.OPEND_KEY || undefined, access: accessOf(vars) },
    upstash: { url: vars.UPSTASH_REDIS_REST_URL.href, token: vars.UPSTASH_REDIS_REST_TOKEN },
    quota: {
      limit: vars.UPSTREAM_LIMIT,
      windowMs: vars.UPSTREAM_WINDOW_SECONDS * 1_000,
      waitMs: vars.UPSTREAM_WAIT_MS,
      clientShare: vars.CLIENT_SHARE,
    },
    webhooks: {
      queue: vars.WEBHOOK_QUEUE,
      trustedOrigins: vars.WEBHOOK_TRUSTED_ORIGINS ?? [],
      ownHosts: vars.OWN_HOSTS ?? [],
      secretKeys: vars.WEBHOOK_SECRET_KEY,
    },
    subrequests: vars.SUBREQUEST_LIMIT,
  };
}

function accessOf(vars: v.InferOutput<typeof Variables>): OpendAddress["access"] {
  const { OPEND_ACCESS_CLIENT_ID: clientId, OPEND_ACCESS_CLIENT_SECRET: clientSecret } = vars;
  if (clientId === undefined && clientSecret === undefined) return undefined;
  if (clientId === undefined) throw misconfigured("OPEND_ACCESS_CLIENT_ID", "is not set, but its secret is");
  if (clientSecret === undefined)
    throw misconfigured("OPEND_ACCESS_CLIENT_SECRET", "is not set, but its id is");
  return { clientId, clientSecret };
}

function misconfigured(variable: string, problem: string): Failure {
  return new Failure("misconfigured", `${variable} ${problem}`, { parameter: variable });
}
