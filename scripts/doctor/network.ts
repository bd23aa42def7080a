import { lookup } from "node:dns/promises";
import { BlockList, connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Check, failed, ok, warning } from "./check.ts";
import { explainPort } from "./opend-advice.ts";

/** Timeout of a DNS lookup, a connection or a handshake, in milliseconds. */
const TIMEOUT_MS = 5_000;
/** A certificate that is valid for fewer days causes a warning. */
const MIN_CERTIFICATE_DAYS = 14;

/** Addresses that a Worker on Cloudflare cannot reach. */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ["127.0.0.0", 8],
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
  ["100.64.0.0", 10],
] as const) {
  PRIVATE.addSubnet(net, bits, "ipv4");
}
for (const [net, bits] of [
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const) {
  PRIVATE.addSubnet(net, bits, "ipv6");
}

const USE_TUNNEL =
  "This works for npm run dev on this machine. For Cloudflare, use a tunnel (cloudflared) or a public host name.";

/** The network path to OpenD: DNS, TCP, and TLS for a wss:// URL. */
export function networkChecks(url: URL): Check[] {
  const host = hostOf(url);
  const isSecure = url.protocol === "wss:";
  const port = Number(url.port || (isSecure ? 443 : 80));
  return [
    { name: "opend dns", exit: 30, run: () => resolve(host) },
    { name: "opend tcp", exit: 31, run: () => connectTo(host, port) },
    ...(isSecure ? [{ name: "opend tls", exit: 32, run: () => handshake(host, port) }] : []),
  ];
}

async function resolve(host: string) {
  let addresses: string[];
  try {
    addresses = await addressesOf(host);
  } catch (thrown) {
    return failed(
      `DNS lookup of ${host} failed: ${codeOf(thrown)}`,
      "Check the host name in OPEND_URL and its DNS record. For a tunnel, cloudflared tunnel route dns creates the record.",
    );
  }
  const isPrivate = addresses.every(isPrivateAddress);
  const resolved = isIP(host) ? host : `${host} resolves to ${addresses.join(", ")}`;
  if (isPrivate)
    return warning(`${resolved}: a private address, which a Worker on Cloudflare cannot reach`, USE_TUNNEL);
  if (isIP(host)) {
    return warning(`${resolved}: an IP address, to which a Worker on Cloudflare cannot connect`, USE_TUNNEL);
  }
  return ok(resolved);
}

/**
 * Whether a host has only addresses that strangers cannot reach.
 * @throws Error if it cannot be resolved
 */
export async function isPrivateHost(url: URL): Promise<boolean> {
  return (await addressesOf(hostOf(url))).every(isPrivateAddress);
}

const hostOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, "");

const isPrivateAddress = (address: string) => PRIVATE.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

async function addressesOf(host: string): Promise<string[]> {
  const found = await Promise.race([lookup(host, { all: true }), timeout()]);
  return found.map(({ address }) => address);
}

async function connectTo(host: string, port: number) {
  const socket = connect({ host, port });
  try {
    await connected(socket, "connect");
    return ok(`port ${port} is open`);
  } catch (thrown) {
    return explainPort(host, port, codeOf(thrown));
  } finally {
    socket.destroy();
  }
}

async function handshake(host: string, port: number) {
  const socket = connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }) });
  try {
    await connected(socket, "secureConnect");
    return certificateOf(socket);
  } catch (thrown) {
    return failed(
      `TLS handshake with ${host} failed: ${codeOf(thrown)}`,
      "A Worker accepts the certificates that browsers accept: from a public authority, for this host name, not expired. If the port does not use TLS, OPEND_URL must begin with ws://.",
    );
  } finally {
    socket.destroy();
  }
}

function certificateOf(socket: TLSSocket) {
  const { valid_to: until } = socket.getPeerCertificate();
  const days = Math.floor((Date.parse(until) - Date.now()) / 86_400_000);
  if (days < MIN_CERTIFICATE_DAYS)
    return warning(`the certificate expires in ${days} days`, "Renew the certificate.");
  return ok(`${socket.getProtocol()}, certificate valid for ${days} more days`);
}

/** Resolves once the socket has connected. */
function connected(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(TIMEOUT_MS, () => reject(new TimeoutError()));
    socket.once(event, () => resolve());
    // Not once(): destroying the socket may emit another error.
    socket.on("error", reject);
  });
}

class TimeoutError extends Error {
  readonly code = "ETIMEDOUT";
}

function timeout(): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new TimeoutError()), TIMEOUT_MS).unref());
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown";
}
