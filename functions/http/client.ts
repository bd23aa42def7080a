/** Addresses of one IPv6 customer share their first 64 bits. */
const IPV6_PREFIX_GROUPS = 4;

/**
 * Who is asking, as far as fair shares go: the address that Cloudflare saw; of an IPv6 address its /64.
 * Off Cloudflare, where nothing sets the header, all callers are one.
 */
export function addressOf(headers: Headers): string {
  const address = headers.get("CF-Connecting-IP") ?? "unknown";
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === "" ? [] : tail.split(":");
  // The gap that "::" stands for is zeros; a dotted IPv4 tail takes two groups.
  const tailGroups = after.length + (tail.includes(".") ? 1 : 0);
  while (address.includes("::") && groups.length + tailGroups < 8) groups.push("0");
  const prefix = [...groups, ...after].slice(0, IPV6_PREFIX_GROUPS);
  return `${prefix.map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}
