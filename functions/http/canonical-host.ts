/**
 * Normalizes a host name or IP address: lower case, Punycode, IPv4 in dotted decimals, no trailing dots.
 * @param text a host without a port
 * @returns undefined if `text` is not a valid host or has an empty label
 */
export function canonicalHost(text: string): string | undefined {
  if (!/^([^\s:/?#@\\]+|\[[\da-fA-F:.]+\])$/.test(text) || !URL.canParse(`https://${text}`)) return undefined;
  const url = new URL(`https://${text}`);
  // Without the trailing dots the host is parsed again: "127.1.." is a name, but "127.1" is an IP address.
  url.hostname = url.hostname.replace(/\.+$/, "");
  const host = url.hostname;
  return host.split(".").includes("") ? undefined : host;
}
