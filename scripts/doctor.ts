import { writeFileSync } from "node:fs";
import { parseArgs, styleText } from "node:util";
import { type Config, parseEnv, VARIABLE_NAMES } from "../functions/env.ts";
import { Failure } from "../functions/errors.ts";
import { variable } from "./dev-vars.ts";
import { failed, type Result, runChecks, skipped } from "./doctor/check.ts";
import { describeAccess } from "./doctor/configuration.ts";
import { type OpendState, opendChecks, type SessionCheck } from "./doctor/opend.ts";
import { checkCall } from "./doctor/opend-call.ts";
import { createCallPage, type WithPermit } from "./doctor/page-call.ts";
import { makeReport } from "./doctor/report/report.ts";
import { REPORT_FILE, summarize } from "./doctor/report/summary.ts";
import { serviceChecks } from "./doctor/service.ts";
import { createWithPermit, upstashChecks } from "./doctor/upstash.ts";
import { webhookChecks } from "./doctor/webhooks.ts";

/**
 * `npm run doctor` checks the connections to Upstash and OpenD from this machine, with the Worker's variables.
 * `npm run doctor -- report` also writes a report on OpenD, in place of the single call. `npm run doctor -- https://…`
 * checks a deployed service. `--json` prints the results as JSON.
 */

const USAGE = "usage: npm run doctor -- [--json] [report | https://address-of-the-service]";
const SYMBOLS = { ok: "✓", warning: "!", failed: "✗", skipped: "–" } as const;
const COLORS = { ok: "green", warning: "yellow", failed: "red", skipped: "gray" } as const;

const { json, isReport, service } = readArguments();
const results: Result[] = [];
const cleanups: (() => void)[] = [];

function onResult(result: Result): void {
  results.push(result);
  if (json) return;
  const { name, status, message, advice } = result;
  console.log(`${styleText(COLORS[status], SYMBOLS[status])} ${name.padEnd(16)} ${message}`);
  if (advice !== undefined) console.log(`${" ".repeat(19)}${advice}`);
}

if (service === undefined) await checkConnections();
else await runChecks(serviceChecks(service, variable("API_KEY")), onResult);
for (const cleanUp of cleanups) cleanUp();

const exit = results.find(({ status }) => status === "failed")?.exit ?? 0;
if (json) console.log(JSON.stringify({ ok: exit === 0, exit, checks: results }, null, 2));
process.exitCode = exit;

async function checkConnections(): Promise<void> {
  let parsed: Config | undefined;
  const run = async () => {
    try {
      parsed = parseEnv(variables());
      return describeAccess(parsed, variable("PUBLIC_ACCESS") !== undefined);
    } catch (thrown) {
      return failed(
        Failure.from(thrown).detail,
        "Correct it in the environment or in .dev.vars. The doctor does not read wrangler.toml. docs/deploy.md describes each variable.",
      );
    }
  };
  await runChecks([{ name: "configuration", exit: 10, run }], onResult);
  if (!parsed) return;
  const config = parsed;
  const hasUpstash = await runChecks(upstashChecks(config), onResult);
  await runChecks(webhookChecks(config, hasUpstash), onResult);
  const withPermit = hasUpstash ? createWithPermit(config) : undefined;
  const state: OpendState = {};
  let isReported = false;
  const report = async () => {
    isReported = true;
    const written = await makeReport(config, state.session, withPermit, Date.now);
    writeFileSync(REPORT_FILE, `${JSON.stringify(written, null, 2)}\n`);
    return summarize(written);
  };
  const calls = isReport ? { name: "opend report", run: report } : callCheck(config, withPermit);
  await runChecks(
    opendChecks(config, state, calls, (cleanUp) => cleanups.unshift(cleanUp)),
    onResult,
  );
  // Without a session it says why there is none.
  if (isReport && !isReported) await report();
}

function callCheck({ opend }: Config, withPermit: WithPermit | undefined): SessionCheck {
  return {
    name: "opend call",
    run: async (session) =>
      withPermit
        ? checkCall(opend, createCallPage(session, withPermit))
        : skipped("not run: a call needs a permit from Upstash"),
  };
}

function variables(): Record<string, string> {
  return Object.fromEntries(
    VARIABLE_NAMES.flatMap((name) => {
      const value = variable(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

interface Arguments {
  readonly json: boolean;
  readonly isReport: boolean;
  /** Undefined to check the connections from this machine. */
  readonly service: string | undefined;
}

function readArguments(): Arguments {
  try {
    const { values, positionals } = parseArgs({
      options: { json: { type: "boolean", default: false } },
      allowPositionals: true,
    });
    const { json } = values;
    const [argument, surplus] = positionals;
    if (surplus !== undefined) throw new Error();
    if (argument === undefined) return { json, isReport: false, service: undefined };
    if (argument === "report") return { json, isReport: true, service: undefined };
    const { protocol, hostname, origin } = new URL(argument);
    // The API key is sent without TLS only to this machine.
    if (protocol !== "https:" && !["localhost", "127.0.0.1"].includes(hostname)) throw new Error();
    return { json, isReport: false, service: origin };
  } catch {
    console.error(USAGE);
    process.exit(1);
  }
}
