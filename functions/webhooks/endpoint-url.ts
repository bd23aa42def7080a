import { Failure } from "../errors.ts";
import { canonicalHost } from "../http/canonical-host.ts";

/** Which URLs may receive messages. */
export interface EndpointRules {
  /** Hosts of this service and of the services behind it, in any spelling. Messages are never sent to them. */
  readonly ownHosts: readonly string[];
  /** Origins that may be plain HTTP, have a port or be private. The operator configures them. */
  readonly trustedOrigins: readonly string[];
}

/** In characters. It limits the request body of `/v1/webhooks`, too. */
export const MAX_URL_LENGTH = 2_048;
/** Names that do not resolve on the internet (RFC 6761, RFC 6762, RFC 8375; ICANN on .internal). */
const PRIVATE_NAME = /(^|\.)(localhost|localdomain|local|internal|intranet|lan|home\.arpa|invalid)$/;

/**
 * Validates the URL of a receiver, on registration and again before each attempt. It does not resolve names: the
 * runtime itself refuses to connect to private addresses.
 * @returns the URL with its host in canonical spelling
 * @throws Failure `invalid_parameter` of `url`, with the rule that it breaks
 */
export function parseEndpoint(text: string, { ownHosts, trustedOrigins }: EndpointRules): URL {
  if (text.length > MAX_URL_LENGTH) throw invalid(`is longer than ${MAX_URL_LENGTH} characters`);
  if (!/^[!-~]+$/.test(text) || !URL.canParse(text)) throw invalid("is not a valid URL");
  const url = new URL(text);
  // A blob: URL has the origin of the page that created it, so the scheme is checked before the trusted origins.
  if (url.protocol !== "https:" && url.protocol !== "http:") throw invalid("must start with https://");
  if (url.username !== "" || url.password !== "") throw invalid("must not contain a user name or password");
  const host = canonicalHost(url.hostname);
  if (host === undefined) throw invalid("has an empty label in its host name");
  url.hostname = host;
  // Fragments are not sent. Without them, duplicates are recognized.
  url.hash = "";
  if (trustedOrigins.includes(url.origin)) return url;
  if (url.protocol !== "https:") throw invalid("must start with https://");
  if (url.port !== "") throw invalid("must use port 443");
  if (host.startsWith("[") || /^[\d.]+$/.test(host))
    throw invalid("must have a host name, not an IP address");
  if (!host.includes(".") || PRIVATE_NAME.test(host)) throw invalid("must have a public host name");
  if (ownHosts.some((own) => canonicalHost(own) === host)) {
    throw invalid("must not point to this service or its backends");
  }
  return url;
}

/** The hosts that messages are never sent to: those configured for this service, OpenD's and Upstash's. */
export function ownHosts(config: {
  readonly opend: { readonly url: URL };
  readonly upstash: { readonly url: string };
  readonly webhooks: { readonly ownHosts: readonly string[] };
}): string[] {
  return [...config.webhooks.ownHosts, config.opend.url.hostname, new URL(config.upstash.url).hostname];
}

function invalid(problem: string): Failure {
  return new Failure("invalid_parameter", `url ${problem}`, { parameter: "url" });
}
