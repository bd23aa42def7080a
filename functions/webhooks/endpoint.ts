import { Failure } from "../failure.ts";

/** Which addresses events are never sent to, and which exceptions the operator makes. */
export interface EndpointRule {
  /** Hosts of this service, and of the services behind it. */
  readonly ownHosts: readonly string[];
  /** Origins that the other rules do not apply to. */
  readonly trustedOrigins: readonly string[];
}

export const LONGEST_URL = 2_048;
/** Names that lead nowhere on the internet (RFC 6761, RFC 6762, RFC 8375; ICANN on .internal). */
const PRIVATE_NAME = /(^|\.)(localhost|localdomain|local|internal|intranet|lan|home\.arpa|invalid)$/;

/**
 * Reads the address of a receiver. Asked when it is registered, and again each time before it is sent to. That a
 * name of the internet leads to a private address is not seen here; the runtime refuses to connect to those.
 * @throws Failure `invalid_parameter` of `url`, with the rule that it breaks
 */
export function parseEndpoint(text: string, { ownHosts, trustedOrigins }: EndpointRule): URL {
  if (text.length > LONGEST_URL) throw refused(`is longer than ${LONGEST_URL} characters`);
  if (!/^[!-~]+$/.test(text) || !URL.canParse(text)) throw refused("is not a URL");
  const url = new URL(text);
  // Parsed, a host is in lower case, and an IPv4 address is in its dotted form however it was written.
  const host = url.hostname.replace(/\.$/, "");
  if (url.username !== "" || url.password !== "") throw refused("holds a user name or a password");
  if (trustedOrigins.includes(url.origin)) return url;
  if (url.protocol !== "https:") throw refused("does not begin with https://");
  if (url.port !== "") throw refused("has a port other than 443");
  if (host.startsWith("[") || /^[\d.]+$/.test(host)) throw refused("is an address, not a name");
  if (!host.includes(".") || PRIVATE_NAME.test(host)) throw refused("is not a name of the internet");
  if (ownHosts.includes(host)) throw refused("is this service, or one behind it");
  return url;
}

/** The hosts that messages are never sent to. */
export function ownHosts({ opend, upstash }: { opend: { url: URL }; upstash: { url: string } }): string[] {
  return [opend.url.hostname, new URL(upstash.url).hostname];
}

function refused(why: string): Failure {
  return new Failure("invalid_parameter", `url ${why}`, { parameter: "url" });
}
