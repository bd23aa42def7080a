import { parseArgs, styleText } from "node:util";
import { type Config, parseEnv, VARIABLE_NAMES } from "../functions/env.ts";
import { Failure } from "../functions/errors.ts";
import { variable } from "./dev-vars.ts";
import { failed, type Result, runChecks } from "./doctor/check.ts";
import { describeAccess } from "./doctor/configuration.ts";
import { type OpendState, opendChecks } from "./doctor/opend.ts";
import { callCheck } from "./doctor/opend-call.ts";
import { reportCheck } from "./doctor/report/check.ts";
import { serviceChecks } from "./doctor/service.ts";
import { createWithPermit, upstashChecks } from "./doctor/upstash.ts";
import { webhookChecks } from "./doctor/webhooks.ts";
import { isSafeForKey } from "./service-url.ts";

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
  const checks = opendChecks(config, state, (cleanUp) => cleanups.unshift(cleanUp));
  if (!isReport) checks.push(callCheck(config, state, withPermit));
  await runChecks(checks, onResult);
  // After a failure too: the report says which one.
  if (isReport) await runChecks([reportCheck(config, state, withPermit)], onResult);
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
    const url = new URL(argument);
    if (!isSafeForKey(url)) throw new Error();
    return { json, isReport: false, service: url.origin };
  } catch {
    console.error(USAGE);
    process.exit(1);
  }
}
