import { createHash, randomBytes } from "node:crypto";
import { REFUSALS } from "../stand-ins/opend-faults.ts";

/** Callers, and texts that no response and no console output may contain. */

export interface Caller {
  readonly name: string;
  readonly key: string;
  /** MD5 of the key, sent by OpenD's own clients. */
  readonly md5: string;
  /** The entry in `API_KEYS`. */
  readonly entry: string;
  /** Headers of all its requests. */
  readonly headers: Readonly<Record<string, string>>;
}

const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");

/** Creates a caller with its own key, and its own IP address from the documentation ranges. */
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

/** Texts of OpenD, which only the log may have. */
export const LOGGED_TEXTS: readonly string[] = ["internal text", "key error"];
/** Messages of Upstash. */
const UPSTASH_TEXTS = ["WRONGPASS", "ERR internal", "<h1>Hello"];
/** Parts of scripts, Redis keys, paths and stack traces. */
const INTERNAL_TEXTS = [
  "EVALSHA",
  "redis.call",
  "short-interest:permits",
  "node_modules",
  "opend_key_",
  "    at ",
];
/** Error codes that contain an internal text. */
const PUBLIC_CODES = ["opend_key_refused"];

export class Secrets {
  readonly #texts = new Set<string>([...LOGGED_TEXTS, ...UPSTASH_TEXTS, ...INTERNAL_TEXTS]);

  add(...texts: readonly string[]): void {
    for (const text of texts) this.#texts.add(text);
  }

  addCaller({ key, md5, entry, headers }: Caller): void {
    const address = headers["CF-Connecting-IP"] ?? "";
    this.add(key, md5, address, ...entry.split(":").slice(1));
    // The prefix of an IPv6 address also identifies its caller.
    if (address.includes("::")) this.add(address.split("::")[0] ?? address);
  }

  /**
   * Returns the first secret in a text.
   * @param allowed secrets that the caller has sent, or texts that the log may have
   */
  findIn(text: string, allowed: readonly string[] = []): string | undefined {
    const checked = PUBLIC_CODES.reduce((rest, code) => rest.replaceAll(code, ""), text);
    return [...this.#texts].find((secret) => !allowed.includes(secret) && checked.includes(secret));
  }
}

/** Messages of OpenD that only OpenD's own clients may receive. */
export const OPEND_MESSAGES = Object.values(REFUSALS);
