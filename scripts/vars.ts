import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";

/** A variable of the Worker as programs on this machine see it: from the environment, or else from `.dev.vars`. */
export function variable(name: string): string | undefined {
  return process.env[name] ?? fileVars[name];
}

const fileVars = existsSync(".dev.vars") ? parseEnv(readFileSync(".dev.vars", "utf8")) : {};
