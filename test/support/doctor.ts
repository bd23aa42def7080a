import { execFile } from "node:child_process";
import { resolve as resolvePath } from "node:path";
import { expect } from "vitest";
import { PUBLIC } from "./public-access.ts";

/** Runs `npm run doctor` and reads its output. */

/** Secrets that the output must not contain. */
export const SECRETS = { OPEND_KEY: "opend-secret", token: "upstash-secret", access: "access-secret" };

interface Report {
  readonly ok: boolean;
  readonly exit: number;
  readonly checks: readonly { name: string; status: string; message: string; advice?: string }[];
}

/** Shortens the deadlines of the doctor, for a server that hangs. */
export const SHORT_DEADLINES_OPTION = { NODE_OPTIONS: "--import=./test/support/short-deadlines.ts" };

/** Runs the doctor without `.dev.vars`, for a public service by default. A variable may be undefined. Fails if the output contains a secret. */
export function doctor(env: Readonly<Record<string, string | undefined>>, ...args: string[]) {
  return doctorIn(process.cwd(), env, ...args);
}

/** The same in another directory, where it may write a file. */
export async function doctorIn(
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
  ...args: string[]
) {
  const { PATH } = process.env;
  const NODE_COMPILE_CACHE = resolvePath(process.env.NODE_COMPILE_CACHE ?? "node_modules/.cache/node");
  const options = { cwd, env: { PATH, NODE_COMPILE_CACHE, DEV_VARS_FILE: "none", ...PUBLIC, ...env } };
  const { code, text } = await new Promise<{ code: number; text: string }>((resolve) => {
    execFile(
      process.execPath,
      [resolvePath("scripts/doctor.ts"), ...args],
      options,
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, text: stdout + stderr });
      },
    );
  });
  for (const secret of Object.values(SECRETS)) expect(text).not.toContain(secret);
  return { code, text };
}

/** Runs the doctor with `--json`. */
export async function report(
  env: Readonly<Record<string, string | undefined>>,
  ...args: string[]
): Promise<Report> {
  const { code, text } = await doctor(env, "--json", ...args);
  const parsed: Report = JSON.parse(text);
  expect([parsed.exit, parsed.ok]).toEqual([code, code === 0]);
  return parsed;
}

/** The exit code and the names of the failed checks. Each of them must have advice. */
export async function failure(env: Readonly<Record<string, string | undefined>>, ...args: string[]) {
  const { checks, exit } = await report(env, ...args);
  const failed = checks.filter(({ status }) => status === "failed");
  for (const { advice } of failed) expect(advice).toMatch(/\S/);
  return { exit, failed: failed.map(({ name }) => name) };
}
