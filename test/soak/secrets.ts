import { createHash, randomBytes } from "node:crypto";
import { REFUSALS } from "../stand-ins/opend-faults.ts";

/** Who asks, and what must not be seen of them, nor of what the Worker knows. */

export interface Caller {
  readonly name: string;
  readonly key: string;
  /** What OpenD's own clients send of it. */
  readonly md5: string;
  /** Entry of `API_KEYS`. */
  readonly entry: string;
  /** Headers of all that it asks. */
  readonly headers: Readonly<Record<string, string>>;
}

const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");

/** Has a key and an address of its own, from the ranges that are for examples. */
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

/** What OpenD and Upstash say of themselves, and what only they are told. */
const UPSTREAM_TEXTS = ["private words", "WRONGPASS", "ERR internal", "<h1>Hello", "key error"];
const INTERNAL_TEXTS = [
  "EVALSHA",
  "redis.call",
  "short-interest:opend",
  "node_modules",
  "opend_key_",
  "    at ",
];
/** Codes of problems begin like a variable's value would. */
const HARMLESS = ["opend_key_refused"];

export class Secrets {
  readonly #texts = new Set<string>([...UPSTREAM_TEXTS, ...INTERNAL_TEXTS]);

  add(...texts: readonly string[]): void {
    for (const text of texts) this.#texts.add(text);
  }

  addCaller({ key, md5, entry, headers }: Caller): void {
    const address = headers["CF-Connecting-IP"] ?? "";
    this.add(key, md5, address, ...entry.split(":").slice(1));
    // Of an IPv6 address the part before the host is as telling.
    if (address.includes("::")) this.add(address.split("::")[0] ?? address);
  }

  /** @param own what whoever asked has said itself */
  foundIn(text: string, own: readonly string[] = []): string | undefined {
    const rest = HARMLESS.reduce((left, harmless) => left.replaceAll(harmless, ""), text);
    return [...this.#texts].find((secret) => !own.includes(secret) && rest.includes(secret));
  }
}

/** OpenD's own words, which only its own clients are told. */
export const OPEND_WORDS = Object.values(REFUSALS);
