import * as v from "valibot";
import { Failure } from "./errors.ts";
import type { ApiKey, AuthConfig } from "./http/auth.ts";
import { canonicalHost } from "./http/canonical-host.ts";
import type { OpendAddress } from "./opend/connect.ts";
import type { UpstashAddress } from "./upstash.ts";

/** The queue between outbox and delivery. `Job` is checked where a message arrives, not here. */
export type DeliveryQueue<Job = unknown> = Pick<Queue<Job>, "send" | "sendBatch">;

/** The validated variables, secrets and bindings. `docs/deploy.md` describes each. */
export interface Config {
  /** Web origins whose scripts may read responses; `*` for all. */
  readonly allowedOrigins: "*" | readonly string[];
  readonly auth: AuthConfig;
  readonly opend: OpendAddress;
  readonly upstash: UpstashAddress;
  readonly quota: {
    /** Calls per window. */
    readonly limit: number;
    readonly windowMs: number;
    /** How long a request waits for a permit at most. */
    readonly maxWaitMs: number;
    /** Calls per window for one client. */
    readonly clientShare: number;
  };
  readonly webhooks: {
    /** The queue of delivery jobs; undefined if webhooks are disabled. */
    readonly queue: DeliveryQueue | undefined;
    /** Origins that may receive messages, although the endpoint rules exclude them. */
    readonly trustedOrigins: readonly string[];
    /** Host names of this service: no message is sent to them. */
    readonly ownHosts: readonly string[];
    /** Keys that encrypt signing secrets, 32 bytes each, the current one first; undefined if none is set. */
    readonly secretKeys: readonly Uint8Array<ArrayBuffer>[] | undefined;
  };
  /** URI for reports of vulnerabilities in this service; undefined if none is set. */
  readonly securityContact: string | undefined;
  /** Subrequests that the platform allows one request. */
  readonly subrequests: number;
  /** Changes with each deployment, and with each changed secret; undefined if unknown. */
  readonly version: string | undefined;
}

const url = (...protocols: string[]) =>
  v.pipe(
    v.string("is not set"),
    v.trim(),
    v.check(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `is not a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
    ),
    v.check(
      (text) => new URL(text).username === "" && new URL(text).password === "",
      "contains a user name or password",
    ),
    v.transform((text) => new URL(text)),
  );

const secret = v.pipe(
  v.string("is not set"),
  v.regex(/^[\x21-\x7e]+$/, "is empty or has a character that is invalid in a header"),
);

const integer = (min: number, max: number, fallback: string) => {
  const problem = `is not an integer from ${min} to ${max}`;
  return v.pipe(
    // A number in wrangler.toml stays a number.
    v.optional(v.pipe(v.union([v.string(), v.number()], problem), v.transform(String)), fallback),
    v.regex(/^\d{1,9}$/, problem),
    v.transform(Number),
    v.minValue(min, problem),
    v.maxValue(max, problem),
  );
};

const INVALID_PRIVATE_KEY = "is not a private key in PEM, which begins with -----BEGIN … PRIVATE KEY-----";
const privateKey = v.pipe(
  v.string(INVALID_PRIVATE_KEY),
  // Files with variables have one line for each.
  v.transform((text) => text.replaceAll("\\n", "\n").replaceAll("\r", "").trim()),
  v.check(
    (text) => text === "" || /^-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\n/.test(text),
    INVALID_PRIVATE_KEY,
  ),
);

const INVALID_ORIGINS = "is neither * nor a comma-separated list of origins such as https://example.com";
const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;
const list = v.transform((text: string) => text.split(",").map((item) => item.trim()));
const origins = v.pipe(
  v.optional(v.string(INVALID_ORIGINS), "*"),
  list,
  v.check((all) => all.join() === "*" || all.every(isOrigin), INVALID_ORIGINS),
  v.transform((all) => (all.join() === "*" ? ("*" as const) : all)),
);
const INVALID_TRUSTED_ORIGINS = "is not a comma-separated list of origins such as http://localhost:9000";
const trustedOrigins = v.pipe(
  v.string(INVALID_TRUSTED_ORIGINS),
  list,
  v.everyItem(isOrigin, INVALID_TRUSTED_ORIGINS),
);

const INVALID_HOSTS = "is not a comma-separated list of host names such as short-interest.example.com";
const ownHosts = v.pipe(
  v.string(INVALID_HOSTS),
  list,
  v.everyItem((host) => canonicalHost(host) !== undefined, INVALID_HOSTS),
);

const INVALID_CONTACT = "is not a URI such as mailto:security@example.com or https://example.com/security";
const contact = v.pipe(
  v.string(INVALID_CONTACT),
  v.regex(/^(mailto:[\x21-\x7e]+@|https:\/\/|tel:\+)[\x21-\x7e]+$/, INVALID_CONTACT),
);

const INVALID_API_KEYS =
  "is not a comma-separated list of entries, as `npm run key` prints them, each name once";
const HEX = "[0-9a-fA-F]{64}";
/** Instead of the second digest: the key may be sent in a URL, and only reads. */
const FOR_URLS = "url";
const ENTRY = new RegExp(`^[\\w.-]{1,64}:${HEX}(?::(?:${HEX}|${FOR_URLS}))?$`);
const apiKeys = v.pipe(
  v.string(INVALID_API_KEYS),
  list,
  v.everyItem((entry) => ENTRY.test(entry), INVALID_API_KEYS),
  v.transform((all) =>
    all.map((entry): ApiKey => {
      const [name = "", digest = "", last] = entry.split(":");
      const key = { name, digest: bytesOf(digest) };
      if (last === FOR_URLS) return { ...key, forUrls: true };
      return last === undefined ? key : { ...key, opendDigest: bytesOf(last) };
    }),
  ),
  v.check((all) => new Set(all.map(({ name }) => name)).size === all.length, INVALID_API_KEYS),
);

const publicAccess = v.literal("yes", 'is not "yes"; remove it for a service that requires keys');

const INVALID_SECRET_KEYS =
  "is not a comma-separated list of 32 bytes in base64 each, as `openssl rand -base64 32` prints them";
const secretKeys = v.pipe(
  v.string(INVALID_SECRET_KEYS),
  list,
  v.everyItem((key) => /^[A-Za-z0-9+/]{43}=$/.test(key), INVALID_SECRET_KEYS),
  v.transform((all) => all.map((key) => Uint8Array.from(atob(key), (char) => char.charCodeAt(0)))),
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
    OPEND_RSA_PRIVATE_KEY: v.optional(privateKey),
    OPEND_ACCESS_CLIENT_ID: v.optional(secret),
    OPEND_ACCESS_CLIENT_SECRET: v.optional(secret),
    UPSTASH_REDIS_REST_URL: url("https:", "http:"),
    UPSTASH_REDIS_REST_TOKEN: secret,
    UPSTREAM_LIMIT: integer(1, 30, "30"),
    UPSTREAM_WINDOW_SECONDS: integer(1, 3_600, "30"),
    UPSTREAM_WAIT_MS: integer(0, 10_000, "3000"),
    CLIENT_SHARE: integer(1, 30, "15"),
    ALLOWED_ORIGINS: origins,
    API_KEYS: v.optional(apiKeys),
    PUBLIC_ACCESS: v.optional(publicAccess),
    REQUESTS_PER_CLIENT: v.optional(rateLimit),
    REQUESTS_PER_KEY: v.optional(rateLimit),
    WEBHOOK_QUEUE: v.optional(queue),
    WEBHOOK_TRUSTED_ORIGINS: v.optional(trustedOrigins),
    WEBHOOK_SECRET_KEY: v.optional(secretKeys),
    OWN_HOSTS: v.optional(ownHosts),
    SECURITY_CONTACT: v.optional(contact),
    SUBREQUEST_LIMIT: integer(50, 10_000, "50"),
    CF_VERSION_METADATA: v.optional(v.object({ id: v.string() }, "is not version metadata")),
  },
  "is not set",
);

/** Bindings of `wrangler.toml`, of which `gen/worker-configuration.d.ts` has the types. */
const BINDINGS: readonly string[] = [
  "REQUESTS_PER_CLIENT",
  "REQUESTS_PER_KEY",
  "WEBHOOK_QUEUE",
  "CF_VERSION_METADATA",
] satisfies (keyof Cloudflare.Env)[];
/** The text variables; `docs/deploy.md` describes each. */
export const VARIABLE_NAMES = Object.keys(Variables.entries).filter((name) => !BINDINGS.includes(name));

/** Configurations by bindings object: an isolate gets the same object for every request. */
const configs = new WeakMap<object, Config>();

/**
 * Validates the bindings of the Worker.
 * @throws Failure `misconfigured`, which names the variable but never its value
 */
export function parseEnv(env: unknown): Config {
  if (typeof env !== "object" || env === null) return readEnv(env);
  const config = configs.get(env) ?? readEnv(env);
  configs.set(env, config);
  return config;
}

/** The same; undefined if the configuration is invalid. */
export function validConfig(env: unknown): Config | undefined {
  try {
    return parseEnv(env);
  } catch {
    return undefined;
  }
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
    auth: {
      apiKeys: apiKeysOf(vars),
      requestsPerClient: vars.REQUESTS_PER_CLIENT,
      requestsPerKey: vars.REQUESTS_PER_KEY,
    },
    opend: {
      url: vars.OPEND_URL,
      key: vars.OPEND_KEY || undefined,
      rsaPrivateKey: vars.OPEND_RSA_PRIVATE_KEY || undefined,
      accessToken: accessOf(vars),
    },
    upstash: { url: vars.UPSTASH_REDIS_REST_URL.href, token: vars.UPSTASH_REDIS_REST_TOKEN },
    quota: {
      limit: vars.UPSTREAM_LIMIT,
      windowMs: vars.UPSTREAM_WINDOW_SECONDS * 1_000,
      maxWaitMs: vars.UPSTREAM_WAIT_MS,
      clientShare: vars.CLIENT_SHARE,
    },
    webhooks: {
      queue: vars.WEBHOOK_QUEUE,
      trustedOrigins: vars.WEBHOOK_TRUSTED_ORIGINS ?? [],
      ownHosts: vars.OWN_HOSTS ?? [],
      secretKeys: vars.WEBHOOK_SECRET_KEY,
    },
    securityContact: vars.SECURITY_CONTACT,
    subrequests: vars.SUBREQUEST_LIMIT,
    version: vars.CF_VERSION_METADATA?.id,
  };
}

/** Without keys the service is public. This must be a decision, because quotes are licensed. Keys win over it. */
function apiKeysOf(vars: v.InferOutput<typeof Variables>): readonly ApiKey[] | undefined {
  if (vars.API_KEYS === undefined && vars.PUBLIC_ACCESS === undefined) {
    throw misconfigured(
      "API_KEYS",
      'is not set; set it, or set PUBLIC_ACCESS to "yes" for a service without keys',
    );
  }
  return vars.API_KEYS;
}

function accessOf(vars: v.InferOutput<typeof Variables>): OpendAddress["accessToken"] {
  const { OPEND_ACCESS_CLIENT_ID: clientId, OPEND_ACCESS_CLIENT_SECRET: clientSecret } = vars;
  if (clientId === undefined && clientSecret === undefined) return undefined;
  if (clientId === undefined)
    throw misconfigured("OPEND_ACCESS_CLIENT_ID", "is not set, but OPEND_ACCESS_CLIENT_SECRET is");
  if (clientSecret === undefined)
    throw misconfigured("OPEND_ACCESS_CLIENT_SECRET", "is not set, but OPEND_ACCESS_CLIENT_ID is");
  return { clientId, clientSecret };
}

function misconfigured(variable: string, problem: string): Failure {
  return new Failure("misconfigured", `${variable} ${problem}`, { parameter: variable });
}
