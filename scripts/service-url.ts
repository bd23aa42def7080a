/** Hosts that are this machine, as `URL.hostname` writes them. */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Whether an API key may be sent to an address: over TLS, or to this machine. */
export function isSafeForKey({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.includes(hostname));
}
