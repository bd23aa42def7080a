import { spawn } from "node:child_process";
import { expect, it, vi } from "vitest";
import { startReceiver } from "../stand-ins/receiver.ts";
import { startLocalService } from "../support/local-service.ts";
import { blockOf } from "../support/readme.ts";
import { API_KEYS, makeWebhook, newSecret } from "../support/webhook-maker.ts";

it("the Python receiver of docs/webhooks.md accepts only messages signed with its secret", async () => {
  // A port that was free a moment ago.
  const holder = await startReceiver();
  const port = new URL(holder.origin).port;
  await holder.close();
  const secret = newSecret();
  const env = { ...process.env, WEBHOOK_SECRET: secret, PORT: port };
  const python = spawn("python3", ["-c", await blockOf("py", "hmac")], { env });
  let printed = "";
  python.stdout.on("data", (chunk) => (printed += chunk));
  const origin = `http://127.0.0.1:${port}`;
  const service = await startLocalService({ unpublished: 1 }, { API_KEYS, WEBHOOK_TRUSTED_ORIGINS: origin });
  try {
    await vi.waitFor(() => fetch(origin), 10_000);
    expect((await fetch(origin, { method: "POST", body: "{}" })).status).toBe(401);
    expect((await makeWebhook(service, origin, ["HK.00700"])).status).toBe(422);
    expect((await makeWebhook(service, origin, ["HK.00700"], secret)).status).toBe(201);
    const cron = `${service.origin}/cdn-cgi/handler/scheduled`;
    await fetch(cron);
    service.opend.set({ unpublished: 0 });
    await service.upstash.redis.call("DEL", "short-interest:page:HK.00700/");
    await service.upstash.redis.call("ZADD", "short-interest:webhooks:poll-schedule", "0", "HK.00700");
    await fetch(cron);
    await vi.waitFor(() => expect(printed).toContain("51480638"), 10_000);
    expect(printed).toMatch(/^HK\.00700 \{'timestamp': 1777478400,/);
  } finally {
    python.kill();
    await service.close();
  }
}, 60_000);
