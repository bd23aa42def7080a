/** An IPv6 customer gets a /64: the first four groups. */
const IPV6_PREFIX_GROUPS = 4;

/**
 * The client ID of a request without a key: its IPv4 address, or the /64 of its IPv6 address.
 * Outside Cloudflare, `CF-Connecting-IP` is missing and all callers share the ID `unknown`.
 */
export function clientIdOfAddress(headers: Headers): string {
  const address = headers.get("CF-Connecting-IP") ?? "unknown";
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === "" ? [] : tail.split(":");
  // "::" stands for groups of zeros. A dotted IPv4 tail counts as two groups.
  const tailGroups = after.length + (tail.includes(".") ? 1 : 0);
  while (address.includes("::") && groups.length + tailGroups < 8) groups.push("0");
  const prefix = [...groups, ...after].slice(0, IPV6_PREFIX_GROUPS);
  return `${prefix.map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}
