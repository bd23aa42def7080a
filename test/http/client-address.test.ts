import { expect, it } from "vitest";
import { clientIdOfAddress } from "../../functions/http/client-address.ts";

it.each([
  ["203.0.113.7", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002:ffff::1", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::ffff:203.0.113.7", "0:0:0:0::/64"],
  [undefined, "unknown"],
])("address %s has client ID %s", (address, client) => {
  expect(clientIdOfAddress(new Headers(address === undefined ? {} : { "CF-Connecting-IP": address }))).toBe(
    client,
  );
});
