import { afterAll, beforeAll, expect, vi } from "vitest";
import { type OpendOptions, type StandInOpend, startOpend } from "../stand-ins/opend.ts";
import { type RedisHost, startRedis } from "../stand-ins/redis.ts";
import { type StandInUpstash, startUpstash } from "../stand-ins/upstash.ts";
import { SECRETS } from "./doctor.ts";

export interface DoctorServices {
  readonly opend: StandInOpend;
  readonly upstash: StandInUpstash;
  /** The variables of the Worker. */
  readonly vars: Readonly<Record<string, string>>;
}

/** Expects no open connection. The last one may still be closing. */
export async function expectClosed(opend: StandInOpend): Promise<void> {
  await vi.waitFor(() => expect(opend.stats().connections).toBe(0));
}

/** For the tests of a file: `start` starts an OpenD and an Upstash for one test. */
export function startsDoctorServices() {
  let redis: RedisHost;
  const cleanups: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    for (const cleanUp of cleanups) await cleanUp();
    await redis?.close();
  });

  async function start(options: OpendOptions = {}): Promise<DoctorServices> {
    const opend = await startOpend({ key: SECRETS.OPEND_KEY, ...options });
    const upstash = await startUpstash(await redis.open(), SECRETS.token);
    cleanups.push(opend.close, upstash.close);
    const vars = {
      OPEND_URL: opend.url,
      OPEND_KEY: SECRETS.OPEND_KEY,
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: upstash.token,
    };
    return { opend, upstash, vars };
  }

  return { start, cleanups };
}
