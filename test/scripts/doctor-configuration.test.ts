import { describe, expect, it } from "vitest";
import { QUOTE_LICENSE } from "../../functions/openapi/quote-license.ts";
import { report } from "../support/doctor.ts";

const KEYS = { API_KEYS: `one:${"0".repeat(64)},two:${"1".repeat(64)}` };

/** The first check of the doctor. No server runs, so a later check fails. */
async function configurationOf(changes: Readonly<Record<string, string | undefined>>) {
  const { exit, checks } = await report({
    OPEND_URL: "ws://127.0.0.1:1",
    UPSTASH_REDIS_REST_URL: "http://127.0.0.1:1",
    UPSTASH_REDIS_REST_TOKEN: "token",
    ...changes,
  });
  return { ...checks[0], isFirstFailure: exit === 10 };
}

describe.concurrent("doctor check configuration", () => {
  it("fails with exit code 10 if neither API_KEYS nor PUBLIC_ACCESS is set", async () => {
    expect(await configurationOf({ PUBLIC_ACCESS: undefined })).toMatchObject({
      name: "configuration",
      status: "failed",
      message: 'API_KEYS is not set; set it, or set PUBLIC_ACCESS to "yes" for a service without keys',
      isFirstFailure: true,
    });
  });

  it("fails with exit code 10 if PUBLIC_ACCESS is not yes, with API_KEYS as well", async () => {
    expect(await configurationOf({ ...KEYS, PUBLIC_ACCESS: "true" })).toMatchObject({
      status: "failed",
      message: 'PUBLIC_ACCESS is not "yes"; remove it for a service that requires keys',
      isFirstFailure: true,
    });
  });

  it("warns of the license of quotes if the service is public", async () => {
    expect(await configurationOf({ PUBLIC_ACCESS: "yes" })).toMatchObject({
      status: "warning",
      message: "the variables are valid; PUBLIC_ACCESS makes the service public",
      advice: QUOTE_LICENSE,
      isFirstFailure: false,
    });
  });

  it("passes if only API_KEYS is set", async () => {
    expect(await configurationOf({ ...KEYS, PUBLIC_ACCESS: undefined })).toMatchObject({
      status: "ok",
      message: "the variables are valid; a key is required (API_KEYS: 2)",
    });
  });

  it("warns if both are set", async () => {
    expect(await configurationOf({ ...KEYS, PUBLIC_ACCESS: "yes" })).toMatchObject({
      status: "warning",
      message: "the variables are valid; a key is required (API_KEYS: 2), although PUBLIC_ACCESS is set",
      isFirstFailure: false,
    });
  });
});
