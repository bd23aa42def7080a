import { createHash, randomBytes } from "node:crypto";
import { REFUSALS } from "../stand-ins/opend-faults.ts";

/** The callers, and the texts that no answer and no log may contain. */

export interface Caller {
  readonly name: string;
  readonly key: string;
  /** The MD5 of the key: OpenD's own clients send it. */
  readonly md5: string;
  /** Entry of `API_KEYS`. */
  readonly entry: string;
  /** Headers of all its requests. */
  readonly headers: Readonly<Record<string, string>>;
}

const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");

/** Creates a caller with its own key, and its own address from the documentation ranges. */
export function createCaller(name: string, number: number): Caller {
  const key = `si_${randomBytes(24).toString("base64url")}`;
  const address = number % 2 === 0 ? `198.51.100.${number}` : `2001:db8:${number}:abcd::17`;
  const md5 = hash("md5", key);
  return {
    name,
    key,
    md5,
    entry: `${name}:${hash("sha256", key)}:${hash("sha256", md5)}`,
    headers: { "X-API-Key": key, "CF-Connecting-IP": address },
  };
}

/** Texts of OpenD and Upstash, and texts that only they receive. */
const UPSTREAM_TEXTS = ["internal text", "WRONGPASS", "ERR internal", "<h1>Hello", "key error"];
const INTERNAL_TEXTS = [
  "EVALSHA",
  "redis.call",
  "short-interest:opend",
  "node_modules",
  "opend_key_",
  "    at ",
];
/** A problem's code that begins like a secret value. */
const HARMLESS = ["opend_key_refused"];

export class Secrets {
  readonly #texts = new Set<string>([...UPSTREAM_TEXTS, ...INTERNAL_TEXTS]);

  add(...texts: readonly string[]): void {
    for (const text of texts) this.#texts.add(text);
  }

  addCaller({ key, md5, entry, headers }: Caller): void {
    const address = headers["CF-Connecting-IP"] ?? "";
    this.add(key, md5, address, ...entry.split(":").slice(1));
    // The prefix of an IPv6 address identifies its caller as well.
    if (address.includes("::")) this.add(address.split("::")[0] ?? address);
  }

  /** @param own secrets that the caller has sent itself */
  foundIn(text: string, own: readonly string[] = []): string | undefined {
    const rest = HARMLESS.reduce((left, harmless) => left.replaceAll(harmless, ""), text);
    return [...this.#texts].find((secret) => !own.includes(secret) && rest.includes(secret));
  }
}

/** OpenD's own texts: only its own clients may get them. */
export const OPEND_WORDS = Object.values(REFUSALS);
