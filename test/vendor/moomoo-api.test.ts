import { createHash } from "node:crypto";
import MoomooWebsocket from "moomoo-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";

/** The unmodified client of the moomoo brand. It has the same protocol, but lacks the short-interest message. */

const KEY = "7522027ccf5a06b1";
const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");

let service: LocalService;

beforeAll(async () => {
  const API_KEYS = `me:${hash("sha256", KEY)}:${hash("sha256", hash("md5", KEY))}`;
  service = await startPlainService({}, { API_KEYS });
}, 60_000);

afterAll(() => service?.close());

async function logIn(key: string): Promise<MoomooWebsocket> {
  const client = new MoomooWebsocket();
  const { hostname, port } = new URL(service.origin);
  await new Promise<void>((resolve, reject) => {
    client.onlogin = (success, reason) => (success ? resolve() : reject(reason));
    client.start(hostname, Number(port), false, key);
  });
  return client;
}

it("moomoo-api client logs in with a valid API key only", async () => {
  const client = await logIn(KEY);
  expect(String(client.getConnID())).toMatch(/^[1-9]\d*$/);
  client.stop();
  await expect(logIn("wrong")).rejects.toBe(-1);
  await expect(logIn("")).rejects.toBe(-1);
});

it("moomoo-api client receives an error for an unsupported command", async () => {
  const client = await logIn(KEY);
  const reply = client._sendCmd(1005, { c2s: {} }, "GetUserInfo");
  await expect(reply).rejects.toMatchObject({ retType: -1, retMsg: expect.stringContaining("3249") });
  client.stop();
});
