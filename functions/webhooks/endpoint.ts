import { Failure } from "../errors.ts";

/** Which addresses events are never sent to, and which exceptions the operator makes. */
export interface EndpointRule {
  /** Hosts of this service, and of the services behind it, in any spelling. */
  readonly ownHosts: readonly string[];
  /** Origins that the other rules do not apply to. */
  readonly trustedOrigins: readonly string[];
}

export const LONGEST_URL = 2_048;
/** Names that lead nowhere on the internet (RFC 6761, RFC 6762, RFC 8375; ICANN on .internal). */
const PRIVATE_NAME = /(^|\.)(localhost|localdomain|local|internal|intranet|lan|home\.arpa|invalid)$/;

/**
 * A host in its one spelling: lower case, Punycode, IPv4 in dotted decimals, no trailing dots.
 * @param text a host without a port
 * @returns undefined where it is no host, or has an empty label
 */
export function canonicalHost(text: string): string | undefined {
  if (!/^([^\s:/?#@\\]+|\[[\da-fA-F:.]+\])$/.test(text) || !URL.canParse(`https://${text}`)) return undefined;
  const url = new URL(`https://${text}`);
  // Without its dots the host is parsed again: "127.1.." is a name, and "127.1" an address.
  url.hostname = url.hostname.replace(/\.+$/, "");
  const host = url.hostname;
  return host.split(".").includes("") ? undefined : host;
}

/**
 * Reads the address of a receiver, at its registration and again before each attempt. Whether a public name leads to
 * a private address is not seen here; the runtime refuses to connect to those.
 * @returns the address with its host in canonical spelling
 * @throws Failure `invalid_parameter` of `url`, with the rule that it breaks
 */
export function parseEndpoint(text: string, { ownHosts, trustedOrigins }: EndpointRule): URL {
  if (text.length > LONGEST_URL) throw refused(`is longer than ${LONGEST_URL} characters`);
  if (!/^[!-~]+$/.test(text) || !URL.canParse(text)) throw refused("is not a URL");
  const url = new URL(text);
  // A blob: URL has the origin of the page that made it.
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refused("does not begin with https://");
  if (url.username !== "" || url.password !== "") throw refused("holds a user name or a password");
  const host = canonicalHost(url.hostname);
  if (host === undefined) throw refused("has a host with an empty label");
  url.hostname = host;
  // A fragment is not sent.
  url.hash = "";
  if (trustedOrigins.includes(url.origin)) return url;
  if (url.protocol !== "https:") throw refused("does not begin with https://");
  if (url.port !== "") throw refused("has a port other than 443");
  if (host.startsWith("[") || /^[\d.]+$/.test(host)) throw refused("is an address, not a name");
  if (!host.includes(".") || PRIVATE_NAME.test(host)) throw refused("is not a name of the internet");
  if (ownHosts.some((own) => canonicalHost(own) === host)) throw refused("is this service, or one behind it");
  return url;
}

/** The hosts of this service that its operator names, and those of the services behind it. */
export function ownHosts(config: {
  readonly opend: { readonly url: URL };
  readonly upstash: { readonly url: string };
  readonly webhooks: { readonly ownHosts: readonly string[] };
}): string[] {
  return [...config.webhooks.ownHosts, config.opend.url.hostname, new URL(config.upstash.url).hostname];
}

function refused(why: string): Failure {
  return new Failure("invalid_parameter", `url ${why}`, { parameter: "url" });
}
