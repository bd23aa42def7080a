import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";

/** A variable of the Worker as programs on this machine see it: from the environment, or else from `.dev.vars`. */
export function variable(name: string): string | undefined {
  return process.env[name] ?? fileVars[name];
}

/** Another file than `.dev.vars`; tests, which must not meet an operator's own, name one that is not there. */
const file = process.env.DEV_VARS_FILE ?? ".dev.vars";
const fileVars = existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
