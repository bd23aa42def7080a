import { createHash } from "node:crypto";
import { once } from "node:events";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import * as InitConnect from "../../gen/InitConnect_pb.js";
import { bytesOf, endBridges, startBridge } from "../support/bridge-process.ts";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";

afterEach(endBridges);

let service: LocalService;
beforeAll(async () => {
  service = await startPlainService({}, { API_KEYS });
}, 60_000);
afterAll(() => service?.close());

/** InitConnect in a frame of OpenD's TCP protocol. */
function initConnect(): Buffer {
  const c2s = { clientVer: 1011, clientID: "test" };
  const body = toBinary(InitConnect.RequestSchema, create(InitConnect.RequestSchema, { c2s }));
  const header = Buffer.alloc(44);
  header.write("FT");
  header.writeUInt32LE(1001, 2);
  header.writeUInt32LE(body.length, 12);
  createHash("sha1").update(body).digest().copy(header, 16);
  return Buffer.concat([header, body]);
}

it("A program logs in through the bridge with the key of a service", async () => {
  const bridge = await startBridge(service.origin, { API_KEY: KEY });
  const program = await bridge.connect();
  program.write(initConnect());
  const [reply] = await once(program, "data");
  expect(fromBinary(InitConnect.ResponseSchema, reply.subarray(44)).retType).toBe(0);
  program.end();
  await once(program, "close");
  expect(bridge.failures()).toBe("");
});

it.each([
  ["", "HTTP 401: Missing API key: send Authorization: Bearer or X-API-Key"],
  ["wrong", "HTTP 401: Invalid API key"],
])("A service that refuses API_KEY %j is named on the terminal", async (key, text) => {
  const bridge = await startBridge(service.origin, { API_KEY: key });
  await bytesOf(await bridge.connect());
  await vi.waitFor(() => expect(bridge.failures()).toBe(`Bridge: connection closed: ${text}\n`));
});
