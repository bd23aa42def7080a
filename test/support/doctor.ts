import { execFile } from "node:child_process";
import { expect } from "vitest";

/** `npm run doctor`, as an operator and a program see it. */

/** What it must never print. */
export const SECRETS = { OPEND_KEY: "opend-secret", token: "upstash-secret", access: "access-secret" };

interface Report {
  readonly ok: boolean;
  readonly exit: number;
  readonly checks: readonly { name: string; status: string; found: string; remedy?: string }[];
}

/** Runs it without a `.dev.vars`. Fails where it prints a secret. */
export async function doctor(env: Record<string, string>, ...args: string[]) {
  const options = { env: { PATH: process.env.PATH, DEV_VARS_FILE: "none", ...env } };
  const { code, text } = await new Promise<{ code: number; text: string }>((resolve) => {
    execFile(process.execPath, ["scripts/doctor.ts", ...args], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, text: stdout + stderr });
    });
  });
  for (const secret of Object.values(SECRETS)) expect(text).not.toContain(secret);
  return { code, text };
}

/** What it says as JSON. */
export async function report(env: Record<string, string>, ...args: string[]): Promise<Report> {
  const { code, text } = await doctor(env, "--json", ...args);
  const parsed: Report = JSON.parse(text);
  expect([parsed.exit, parsed.ok]).toEqual([code, code === 0]);
  return parsed;
}

/** The exit code, and the name of what failed. */
export async function failure(env: Record<string, string>, ...args: string[]) {
  const { checks, exit } = await report(env, ...args);
  const failed = checks.filter(({ status }) => status === "failed");
  for (const { remedy } of failed) expect(remedy).toMatch(/\S/);
  return { exit, failed: failed.map(({ name }) => name) };
}
