import { expect, it } from "vitest";
import { startGateway } from "../support/gateway.ts";

it("answers the documented example", async () => {
  const gateway = await startGateway({ key: "open sesame" });
  const response = await gateway.get("/v1/short-interest/HK.00700");
  console.log(await response.clone().text(), Object.fromEntries(response.headers));
  expect(response.status).toBe(200);
});
