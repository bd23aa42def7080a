import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Report } from "../../scripts/doctor/report/report.ts";
import type { OpendOptions } from "../stand-ins/opend.ts";
import { doctorIn, SECRETS } from "../support/doctor.ts";
import { expectClosed, startsDoctorServices } from "../support/doctor-services.ts";
import { readPermits } from "../support/permit-log.ts";

const { start } = startsDoctorServices();
let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "report-"));
});
afterAll(() => rm(parent, { recursive: true, force: true }));

/** Runs `npm run doctor -- report` in a directory of its own. */
async function run(options: OpendOptions, changes: Readonly<Record<string, string>> = {}) {
  const services = await start(options);
  const directory = await mkdtemp(join(parent, "run-"));
  const { code, text } = await doctorIn(directory, { ...services.vars, ...changes }, "report");
  const [file] = await readdir(directory);
  const written = file === undefined ? "null" : await readFile(join(directory, file), "utf8");
  for (const secret of [...Object.values(SECRETS), "127.0.0.1", "localhost"]) {
    expect(written).not.toContain(secret);
  }
  const report: Report = JSON.parse(written);
  return { ...services, code, text, file, report };
}

describe.concurrent("npm run doctor -- report", () => {
  it("writes a report after 8 calls, each with a permit of the service", async () => {
    const { code, text, file, report, opend, upstash } = await run({});
    expect([code, file]).toEqual([0, "opend-report.json"]);
    // The sample rows are older than the clock of this test.
    expect(report.assumptions.filter(({ status }) => status !== "confirmed").map(({ id }) => id)).toEqual([
      "hk-calendar",
      "us-calendar",
    ]);
    expect(text).toMatch(
      /! opend report {5}opend-report\.json \(calls: 8\): \d+ assumptions confirmed, 2 contradicted, 0 not seen/,
    );
    expect(text).not.toContain("opend call");
    expect([report.calls.length, opend.stats().calls]).toEqual([8, 8]);
    await expectClosed(opend);
    const permits = await readPermits(upstash.redis.call);
    expect(permits.map(({ client, weight }) => [client, weight])).toEqual(Array(8).fill(["doctor", 1]));
  });

  it("makes fewer calls if fewer permits are left", async () => {
    const { code, report, opend } = await run({}, { UPSTREAM_LIMIT: "3", UPSTREAM_WAIT_MS: "0" });
    expect([code, opend.stats().calls]).toEqual([0, 3]);
    const unseen = report.assumptions.filter(({ status }) => status === "not seen").map(({ id }) => id);
    expect(unseen).toEqual(expect.arrayContaining(["between-rows", "invented-cursor", "funds"]));
    expect(report.calls).toHaveLength(3);
  });

  it("makes no call without Upstash, and keeps the exit code", async () => {
    const { code, report, opend } = await run({}, { UPSTASH_REDIS_REST_TOKEN: "wrong" });
    expect([code, opend.stats().calls, report.calls]).toEqual([20, 0, []]);
    expect(report.version).toEqual({ version: 1011, build: 7108 });
  });

  it("has the refusal of a login, and keeps the exit code", async () => {
    const { code, text, report } = await run({ loginRefusal: "登录失败 127.0.0.1" });
    expect(code).toBe(35);
    expect(report.login).toEqual({ code: "opend_unreachable", ret_type: -1, text: "登录失败 [redacted]" });
    expect(text).toContain("opend-report.json (calls: 0)");
  });

  it("is written if OpenD's port is closed", async () => {
    const { code, report } = await run({}, { OPEND_URL: "ws://127.0.0.1:1" });
    expect([code, report.login, report.calls]).toEqual([31, "not seen", []]);
  });
});
