import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type LocalService, startLocalService } from "../support/local-service.ts";
import { freePort, startProgram } from "../support/program.ts";
import { blockOf } from "../support/readme.ts";
import { API_KEYS, makeWebhook, newSecret } from "../support/webhook-maker.ts";

const secret = newSecret();

let service: LocalService;
let port: string;
/** The Hono application of docs/webhooks.md as a server for Node. */
let hono: { readonly origin: string; readonly close: () => Promise<void> };

beforeAll(async () => {
  port = await freePort();
  hono = await serveDocumentedApp();
  const trusted = `http://127.0.0.1:${port},${hono.origin}`;
  service = await startLocalService({}, { API_KEYS, WEBHOOK_TRUSTED_ORIGINS: trusted });
}, 60_000);

afterAll(async () => {
  await service?.close();
  await hono?.close();
});

async function serveDocumentedApp() {
  process.env.WEBHOOK_SECRET = secret;
  // Inside the project, so that its imports resolve.
  const folder = await mkdtemp("node_modules/.receiver-");
  await writeFile(join(folder, "receiver.mjs"), await blockOf("js", "standardwebhooks"));
  const { default: app } = (await import(join(process.cwd(), folder, "receiver.mjs"))) as {
    default: { fetch: (request: Request) => Promise<Response> };
  };
  const server = createServer(async (incoming, outgoing) => {
    const { method = "", url = "", headers } = incoming;
    const request = new Request(`http://localhost${url}`, {
      method,
      headers: headers as Record<string, string>,
      body: await text(incoming),
    });
    outgoing.writeHead((await app.fetch(request)).status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Sends half a request and disconnects. */
async function abortRequest(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  await new Promise((sent) =>
    socket.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{", sent),
  );
  socket.destroy();
  await once(socket, "close");
}

it("the JavaScript receiver of docs/webhooks.md accepts only messages signed with its secret", async () => {
  const url = `${hono.origin}/short-interest`;
  expect((await makeWebhook(service, url, ["HK.00700"])).status).toBe(422);
  expect((await makeWebhook(service, url, ["HK.00700"], secret)).status).toBe(201);
});

it("examples/typescript/receiver.ts accepts only messages signed with its secret, and prints a row once", async () => {
  const env = { WEBHOOK_SECRET: secret, PORT: port };
  const receiver = startProgram(process.execPath, ["examples/typescript/receiver.ts"], env);
  try {
    await vi.waitFor(() => expect(receiver.printed()).toContain(`port ${port}`), 10_000);
    const url = `http://127.0.0.1:${port}`;
    await abortRequest(Number(port));
    expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(401);
    expect((await makeWebhook(service, url, ["HK.00700"])).status).toBe(422);
    expect((await makeWebhook(service, url, ["HK.00700"], secret)).status).toBe(201);

    const body = (await blockOf("json", "short_interest.published")).trim();
    const sentAt = new Date();
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1_000)),
      "webhook-signature": new Webhook(secret).sign("msg_1", sentAt, body),
    };
    for (const attempt of ["first", "second"]) {
      const { status } = await fetch(url, { method: "POST", body, headers });
      expect([attempt, status]).toEqual([attempt, 204]);
    }
    await vi.waitFor(() => expect(receiver.printed()).toContain("HK.00700"));
    expect(receiver.printed()).toBe(`Listening on port ${port}\nHK.00700 2026-04-30 467.8\n`);
  } finally {
    await receiver.close();
  }
});
