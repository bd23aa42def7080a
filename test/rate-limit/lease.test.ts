import { describe, expect, it, vi } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { callWithPermit, PERMIT_MAX_AGE_MS } from "../../functions/rate-limit/permitted-call.ts";
import { LeaseNotAcquired } from "../../functions/rate-limit/required-lease.ts";
import { failureOf, start } from "./support.ts";

const LEASE = "short-interest:lease:page";
const leaseOf = (id: string) => ({
  script: { script: "return redis.call('SET', KEYS[1], ARGV[1], 'NX')", keys: [LEASE], args: [id] },
  key: LEASE,
  id,
});

describe("permit", () => {
  it("refused by the limit after its lease was acquired leaves the lease to the caller", async () => {
    const { permits, acquire, command } = await start({ limit: 1 });
    await acquire("other");
    const failure = await failureOf(
      permits.acquire({ client: "me", priority: "known-page", lease: leaseOf("held") }),
    );
    expect(failure?.code).toBe("upstream_quota_exceeded");
    expect(await command("GET", LEASE)).toBe("held");
  });

  it("is not granted without its lease, and the refusal is not remembered", async () => {
    const { permits, acquire, command, log } = await start();
    await command("SET", LEASE, "other");
    const request = { client: "me", priority: "known-page", lease: leaseOf("held") } as const;
    expect(await failureOf(permits.acquire(request))).toBeInstanceOf(LeaseNotAcquired);
    expect(permits.rememberedRefusal(request)).toBeUndefined();
    expect(await log()).toEqual([]);
    await acquire();
  });

  it("that replaces one with a lease does not acquire the lease again", async () => {
    const { permits, command, log } = await start();
    const connect = () => command("SET", LEASE, "other");
    // The permit is too old once the connection is open.
    vi.useFakeTimers({ toFake: ["Date"] });
    const { permit } = await callWithPermit(
      permits,
      { client: "me", priority: "known-page", lease: leaseOf("held") },
      {
        connect: async (acquiring) => {
          await acquiring;
          await connect();
          vi.setSystemTime(Date.now() + PERMIT_MAX_AGE_MS + 1);
        },
        call: async () => undefined,
        signal: new AbortController().signal,
        waitUntil: () => undefined,
      },
    ).finally(vi.useRealTimers);
    expect((await log()).map(({ id }) => id)).toEqual([permit.id]);
    expect(await command("GET", LEASE)).toBe("other");
  });

  it("fails with the connection only after its lease is acquired, so that the lease can be released", async () => {
    const { permits, command, log } = await start();
    const background: Promise<unknown>[] = [];
    const failure = await failureOf(
      callWithPermit(
        permits,
        { client: "me", priority: "known-page", lease: leaseOf("held") },
        failingConnection((work) => background.push(work)),
      ),
    );
    expect(failure?.code).toBe("opend_unreachable");
    expect(await command("GET", LEASE)).toBe("held");
    await Promise.all(background);
    expect(await log()).toEqual([]);
  });

  it("is refused as without its lease, also if the connection fails first", async () => {
    const { permits, command } = await start();
    await command("SET", LEASE, "other");
    const request = { client: "me", priority: "known-page", lease: leaseOf("held") } as const;
    const failure = await failureOf(
      callWithPermit(
        permits,
        request,
        failingConnection(() => undefined),
      ),
    );
    expect(failure).toBeInstanceOf(LeaseNotAcquired);
  });
});

/** OpenD refuses the connection before Redis answers. */
function failingConnection(waitUntil: (work: Promise<unknown>) => void) {
  return {
    connect: () => Promise.reject(new Failure("opend_unreachable", "refused")),
    call: async () => undefined,
    signal: new AbortController().signal,
    waitUntil,
  };
}
