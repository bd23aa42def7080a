import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import * as Login from "../../gen/InitWebSocket_pb.js";
import * as ShortInterest from "../../gen/Qot_GetShortInterest_pb.js";
import { startService } from "../support/service.ts";
import { connect } from "./support.ts";

describe("login to the OpenD server", () => {
  it("returns the server time and a connection ID", async () => {
    const client = await connect(await startService());
    const { s2c, retType } = fromBinary(Login.ResponseSchema, (await client.logIn()).body);
    expect(retType).toBe(0);
    expect(Math.abs(Number(s2c?.serverTime) - Date.now() / 1_000)).toBeLessThan(2);
    expect(s2c?.connID).not.toBe(0n);
  });

  it("is required before other requests, which need not wait for its reply", async () => {
    const service = await startService();
    const client = await connect(service);
    const early = client.sendCall("AAPL");
    const login = client.logIn();
    const late = client.sendCall("NEWLY");
    expect((await client.page(early)).retType).toBe(-1);
    expect((await login).error).toBe(0);
    expect((await client.page(late)).retType).toBe(0);
    expect((await service.opend.stats()).calls).toBe(1);
  });

  it("with a wrong key closes the connection", async () => {
    const API_KEYS = `me:${"0".repeat(64)}:${"0".repeat(64)}`;
    const client = await connect(await startService({}, { API_KEYS }));
    expect((await client.logIn("wrong")).error).toBe(-1);
    expect(await client.closed).toBe(1008);
  });
});

it("opening a connection counts against the limit of its IP address, even with API_KEYS", async () => {
  const service = await startService({}, { API_KEYS: `me:${"0".repeat(64)}` });
  const counted: string[] = [];
  const limit = async ({ key }: { key: string }) => ({ success: counted.push(key) <= 2 });
  Object.assign(service.env, { REQUESTS_PER_CLIENT: { limit } });
  for (const status of [101, 101, 429]) {
    expect((await service.connect({ "CF-Connecting-IP": "192.0.2.7" })).status).toBe(status);
  }
  expect(counted).toEqual(["192.0.2.7", "192.0.2.7", "192.0.2.7"]);
});

describe("connection without a login", () => {
  it.each([
    ["InitWebSocket frames that cannot be read", 1, new Uint8Array([0xff])],
    ["other requests", 1004, new Uint8Array()],
  ])("closes after 32 %s", async (_, command, body) => {
    const client = await connect(await startService());
    for (let count = 0; count < 33; count += 1) {
      const reply = await client.request(command, body);
      expect(fromBinary(ShortInterest.ResponseSchema, reply.body).retType).toBe(-1);
    }
    expect(await client.closed).toBe(1008);
  });

  it("closes at a frame of more than 8 KiB", async () => {
    const client = await connect(await startService());
    client.send(1, new Uint8Array(8_192 - 19));
    expect(await client.closed).toBe(1009);
    expect(client.replies).toEqual([]);
  });
});
