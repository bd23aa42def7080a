import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import worker from "../../functions/index.ts";
import type { OpendOptions } from "../stand-ins/opend.ts";
import { COMMAND_COSTS, type CostEvent } from "../support/command-costs.ts";
import { countsCommands, startCountedUpstash } from "../support/counted-upstash.ts";
import { makeFetchLikely } from "../support/fetch-ahead.ts";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const HOUR = 3_600_000;
/** Longer than any page is fresh. */
const STALE_AFTER_MS = 25 * HOUR;
const POLL_SCHEDULE = "short-interest:webhooks:poll-schedule";

const path = (symbol: string) => `/v1/short-interest/${symbol}`;

/** Starts a service that knows its scripts already. Its Redis counts commands. */
async function start(options: OpendOptions = {}, vars: Record<string, string> = {}) {
  const upstash = await startCountedUpstash();
  const service = await startService(options, { ...upstash.vars, ...vars });
  /** Requests a path in the data center of `origin`, and waits for background work. */
  async function visit(target: string, origin = service.origin) {
    const context = createExecutionContext();
    const response = await worker.fetch(new Request(origin + target), service.env, context);
    const body = await response.text();
    await waitOnExecutionContext(context);
    return { status: response.status, body };
  }
  return { service, upstash, visit, elsewhere: `https://${crypto.randomUUID()}.test` };
}

/** Starts a service with the first page of US.T1, which becomes stale if `isStale`. */
async function startWithPage(isStale: boolean, options: OpendOptions = {}) {
  const started = await start(options);
  expect((await started.visit(path("US.T1"))).status).toBe(200);
  if (isStale) vi.setSystemTime(Date.now() + STALE_AFTER_MS);
  return started;
}

type Commands = Record<string, number>;

/** The commands of a replay of held messages. Redis knows the script. */
async function replayCommands(messages: number): Promise<Commands> {
  const upstash = await startCountedUpstash();
  const service = await startWebhookService({}, upstash.vars);
  const { id } = await service.subscribe();
  const since = Math.floor(Date.now() / 1_000) - 60;
  const replay = () => service.request("POST", `/${id}/replay`, { since });
  await replay();
  const held = `held 0 0 ${new Date(Date.now()).toISOString()}`;
  for (let index = 0; index < messages; index += 1) {
    await upstash.redis("HSET", `short-interest:webhooks:attempts:${id}`, `msg_${index}`, held);
  }
  return upstash.commandsOf(async () => expect(await (await replay()).json()).toMatchObject({ messages }));
}

/** Returns the commands of each event. */
const EVENTS: Record<CostEvent, () => Promise<Commands>> = {
  async coldPage() {
    const { upstash, visit } = await startWithPage(false);
    return upstash.commandsOf(async () => expect((await visit(path("US.T2"))).status).toBe(200));
  },
  async preparedColdPage() {
    const { service, upstash, visit } = await startWithPage(false);
    makeFetchLikely(service);
    return upstash.commandsOf(async () => expect((await visit(path("US.T2"))).status).toBe(200));
  },
  async edgeHit() {
    const { upstash, visit } = await startWithPage(false);
    return upstash.commandsOf(() => visit(path("US.T1")));
  },
  async edgeHitWithFirstSeen() {
    const { upstash, visit } = await startWithPage(false);
    return upstash.commandsOf(() => visit(`${path("US.T1")}?include=first_seen_at`));
  },
  async edgeHitWithFirstSeenAgain() {
    const { upstash, visit } = await startWithPage(false);
    await visit(`${path("US.T1")}?include=first_seen_at`);
    return upstash.commandsOf(() => visit(`${path("US.T1")}?include=first_seen_at&num=7`));
  },
  async look() {
    const { upstash, visit, elsewhere } = await startWithPage(false);
    return upstash.commandsOf(async () => expect((await visit(path("US.T1"), elsewhere)).status).toBe(200));
  },
  async lookWithUnusedFetch() {
    const { service, upstash, visit, elsewhere } = await startWithPage(false);
    makeFetchLikely(service);
    return upstash.commandsOf(async () => expect((await visit(path("US.T1"), elsewhere)).status).toBe(200));
  },
  async lookByCursor() {
    const { service, upstash, visit, elsewhere } = await startWithPage(false);
    const cursor: unknown = JSON.parse((await visit(path("US.T1"))).body).next_key;
    const commands = await upstash.commandsOf(() => visit(`${path("US.T1")}?next_key=${cursor}`, elsewhere));
    expect((await service.opend.stats()).calls).toBe(1);
    return commands;
  },
  async refreshUnchanged() {
    const { service, upstash, visit } = await startWithPage(true);
    const commands = await upstash.commandsOf(() => visit(path("US.T1")));
    expect((await service.opend.stats()).calls).toBe(2);
    return commands;
  },
  replay: () => replayCommands(2),
  replayOfNothing: () => replayCommands(0),
  async refreshWithNewRow() {
    const { service, upstash, visit } = await startWithPage(true, { unpublished: 1 });
    await service.opend.set({ unpublished: 0 });
    const commands = await upstash.commandsOf(() => visit(path("US.T1")));
    expect((await service.opend.stats()).calls).toBe(2);
    return commands;
  },
  async refused() {
    const { upstash, visit } = await start({}, { UPSTREAM_LIMIT: "1", UPSTREAM_WAIT_MS: "0" });
    await visit(path("US.T1"));
    return upstash.commandsOf(async () => expect((await visit(path("US.T2"))).status).toBe(429));
  },
  async refusedAgain() {
    const { upstash, visit } = await start({}, { UPSTREAM_LIMIT: "1", UPSTREAM_WAIT_MS: "0" });
    await visit(path("US.T1"));
    await visit(path("US.T2"));
    return upstash.commandsOf(async () => expect((await visit(path("US.T3"))).status).toBe(429));
  },
  async circuitOpen() {
    const { service, upstash, visit } = await startWithPage(false);
    await service.opend.set({ fault: "not a WebSocket" });
    for (let failure = 0; failure < 5; failure += 1) await visit(path(`US.T1${failure}`));
    return upstash.commandsOf(async () => expect((await visit(path("US.T2"))).status).toBe(502));
  },
  async circuitOpenStale() {
    const { service, upstash, visit, elsewhere } = await startWithPage(true);
    await service.opend.set({ fault: "not a WebSocket" });
    for (let failure = 0; failure < 5; failure += 1) await visit(path(`US.T1${failure}`));
    return upstash.commandsOf(async () => expect((await visit(path("US.T1"), elsewhere)).status).toBe(200));
  },
  async unknownSymbol() {
    const { upstash, visit } = await startWithPage(false);
    return upstash.commandsOf(async () => expect((await visit(path("US.NOSUCH"))).status).toBe(404));
  },
  async metrics() {
    const upstash = await startCountedUpstash();
    const service = await startService({}, { ...upstash.vars, API_KEYS: `me:${await sha256("mine")}` });
    const getMetrics = () => service.get("/metrics", { headers: { "X-API-Key": "mine" } });
    await getMetrics();
    return upstash.commandsOf(async () => expect((await getMetrics()).status).toBe(200));
  },
  async pollerIdle() {
    const upstash = await startCountedUpstash();
    const service = await startWebhookService({}, upstash.vars);
    await service.runPoller();
    return upstash.commandsOf(() => service.runPoller());
  },
  async pollerWithSymbol() {
    const upstash = await startCountedUpstash();
    const service = await startWebhookService({}, upstash.vars);
    await service.subscribe();
    await service.runPoller();
    await service.forward(STALE_AFTER_MS);
    await upstash.redis("ZADD", POLL_SCHEDULE, "1", "US.AAPL");
    const commands = await upstash.commandsOf(() => service.runPoller());
    expect((await service.opend.stats()).calls).toBe(2);
    return commands;
  },
};

afterEach(() => {
  vi.useRealTimers();
});

describe.runIf(countsCommands)("Redis commands", () => {
  it.each(Object.entries(EVENTS))("of %s are as recorded", async (name, run) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const commands = await run();
    const total = Object.values(commands).reduce((sum, count) => sum + count, 0);
    expect(total, JSON.stringify(commands)).toBe(COMMAND_COSTS[name as CostEvent]);
  });
});
