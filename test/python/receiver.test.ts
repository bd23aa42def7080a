import { expect, it, vi } from "vitest";
import { startLocalService } from "../support/local-service.ts";
import { freePort, startProgram } from "../support/program.ts";
import { API_KEYS, makeWebhook, newSecret } from "../support/webhook-maker.ts";

it("examples/python/webhook_receiver.py accepts only messages signed with its secret", async () => {
  const port = await freePort();
  const secret = newSecret();
  const env = { WEBHOOK_SECRET: secret, PORT: port };
  const python = startProgram("python3", ["examples/python/webhook_receiver.py"], env);
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
    await vi.waitFor(() => expect(python.printed()).toContain("51480638"), 10_000);
    expect(python.printed()).toMatch(/^HK\.00700 \{'timestamp': 1777478400,/m);
  } finally {
    await python.close();
    await service.close();
  }
}, 60_000);
