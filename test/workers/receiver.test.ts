import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { startLocalService } from "../support/local-service.ts";
import { blockOf } from "../support/readme.ts";
import { API_KEYS, makeWebhook, newSecret } from "../support/webhook-maker.ts";

it("the JavaScript receiver of docs/webhooks.md accepts only messages signed with its secret", async () => {
  const secret = newSecret();
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
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const running = await startLocalService({}, { API_KEYS, WEBHOOK_TRUSTED_ORIGINS: origin });
  try {
    const url = `${origin}/short-interest`;
    expect((await makeWebhook(running, url, ["HK.00700"])).status).toBe(422);
    expect((await makeWebhook(running, url, ["HK.00700"], secret)).status).toBe(201);
  } finally {
    await running.close();
    server.close();
    await rm(folder, { recursive: true });
  }
}, 60_000);
