import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";

/** Reads a variable of the Worker from the environment, or else from `.dev.vars`. */
export function variable(name: string): string | undefined {
  return process.env[name] ?? fileVars[name];
}

/** Tests set DEV_VARS_FILE, so that they do not read the developer's `.dev.vars`. */
const file = process.env.DEV_VARS_FILE ?? ".dev.vars";
const fileVars = existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
