import { expect, it } from "vitest";
import { startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { control } from "../support/stand-ins.ts";
import { startWorkerd } from "../support/workerd.ts";
import { SPAN_COLLECTOR, collectedSpans } from "../support/span-collector.ts";
it("x", async () => {
  const redis = await startRedis();
  const [opend, upstash] = [await startOpend({key:"secretkey"}), await startUpstash(await redis.open())];
  const script = await control.bundle("worker");
  const w = await startWorkerd({ worker: { script, tail: "c", vars: { PUBLIC_ACCESS: "yes", OPEND_URL: opend.url, OPEND_KEY: "secretkey", UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN: upstash.token } }, c: { script: SPAN_COLLECTOR } });
  const r = await fetch(w.originOf("worker") + "/v1/short-interest/US.AAPL");
  console.log(r.status, await r.text());
  await new Promise((r) => setTimeout(r, 500));
  console.log(JSON.stringify(await (await fetch(w.originOf("c"))).json(), null, 0).slice(0, 9000));
  console.log(JSON.stringify(await collectedSpans(w.originOf("c")), null, 1).slice(0, 9000));
  await w.close(); for (const s of [upstash, opend, redis]) await s.close();
}, 60000);
