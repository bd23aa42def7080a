import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failure, report } from "../support/doctor.ts";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";

describe("doctor with the address of a deployed service", () => {
  let service: LocalService;
  beforeAll(async () => {
    service = await startPlainService({}, { API_KEYS });
  }, 60_000);
  afterAll(() => service?.close());

  it("passes with a valid API_KEY", async () => {
    const { exit, checks } = await report({ API_KEY: KEY }, service.origin);
    expect([exit, checks.map(({ status }) => status)]).toEqual([0, ["ok", "ok", "ok"]]);
  });

  it("fails without API_KEY or with an invalid one", async () => {
    expect(await failure({}, service.origin)).toEqual({ exit: 42, failed: ["service page"] });
    expect(await failure({ API_KEY: "wrong" }, service.origin)).toEqual({
      exit: 41,
      failed: ["service readyz"],
    });
  });

  it("advises to set API_KEY if the service refuses the key", async () => {
    for (const vars of [{}, { API_KEY: "wrong" }]) {
      const { checks } = await report(vars, service.origin);
      expect(checks.find(({ status }) => status === "failed")?.advice).toMatch(/^Set API_KEY to a key/);
    }
  });

  it("fails check service readyz if OpenD drops connections", async () => {
    service.opend.set({ fault: "login: drop" });
    const { exit, checks } = await report({ API_KEY: KEY }, service.origin);
    service.opend.set({ fault: "" });
    expect(exit).toBe(41);
    expect(checks[1]?.message).toContain("OpenD dropped the connection");
  });

  it("fails check service if nothing or another server answers", async () => {
    expect(await failure({}, "http://127.0.0.1:1")).toEqual({ exit: 40, failed: ["service"] });
    expect(await failure({}, service.upstash.url)).toEqual({ exit: 40, failed: ["service"] });
  });
});
