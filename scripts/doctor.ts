import { parseArgs, styleText } from "node:util";
import { type Config, parseEnv, VARIABLE_NAMES } from "../functions/env.ts";
import { Failure } from "../functions/errors.ts";
import { failed, inTurn, ok, type Result } from "./doctor/check.ts";
import { opendChecks } from "./doctor/opend.ts";
import { serviceChecks } from "./doctor/service.ts";
import { permittedBy, upstashChecks } from "./doctor/upstash.ts";
import { variable } from "./vars.ts";

/**
 * `npm run doctor` looks at the way to Upstash and OpenD from this machine, with the Worker's own variables;
 * `npm run doctor -- https://…` at a gateway that is deployed. With `--json` it says so in JSON.
 */

const USAGE = "usage: npm run doctor -- [--json] [https://address-of-the-gateway]";
const SIGNS = { ok: "✓", warning: "!", failed: "✗", skipped: "–" } as const;
const COLOURS = { ok: "green", warning: "yellow", failed: "red", skipped: "gray" } as const;

const { json, service } = readArguments();
const results: Result[] = [];
const endings: (() => void)[] = [];

function told(result: Result): void {
  results.push(result);
  if (json) return;
  const { name, status, found, remedy } = result;
  console.log(`${styleText(COLOURS[status], SIGNS[status])} ${name.padEnd(16)} ${found}`);
  if (remedy !== undefined) console.log(`${" ".repeat(19)}${remedy}`);
}

if (service === undefined) await lookFromHere();
else await inTurn(serviceChecks(service, variable("API_KEY")), told);
for (const end of endings) end();

const exit = results.find(({ status }) => status === "failed")?.exit ?? 0;
if (json) console.log(JSON.stringify({ ok: exit === 0, exit, checks: results }, null, 2));
process.exitCode = exit;

async function lookFromHere(): Promise<void> {
  let config: Config | undefined;
  const look = async () => {
    try {
      config = parseEnv(variables());
      return ok("the variables are well-formed");
    } catch (thrown) {
      return failed(
        Failure.from(thrown).detail,
        "It is taken from the environment, or else from .dev.vars; the README says what each is.",
      );
    }
  };
  await inTurn([{ name: "configuration", exit: 10, look }], told);
  if (!config) return;
  const known = config;
  const hasUpstash = await inTurn(upstashChecks(known), told);
  const permitted = () => (hasUpstash ? permittedBy(known) : undefined);
  await inTurn(
    opendChecks(known, permitted, (end) => endings.unshift(end)),
    told,
  );
}

function variables(): Record<string, string> {
  return Object.fromEntries(
    VARIABLE_NAMES.flatMap((name) => {
      const value = variable(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function readArguments(): { json: boolean; service: string | undefined } {
  try {
    const { values, positionals } = parseArgs({
      options: { json: { type: "boolean", default: false } },
      allowPositionals: true,
    });
    const [address, more] = positionals;
    if (more !== undefined) throw new Error();
    if (address === undefined) return { json: values.json, service: undefined };
    const { protocol, hostname, origin } = new URL(address);
    // A key is not sent in the clear, but to this machine.
    if (protocol !== "https:" && !["localhost", "127.0.0.1"].includes(hostname)) throw new Error();
    return { json: values.json, service: origin };
  } catch {
    console.error(USAGE);
    process.exit(1);
  }
}
