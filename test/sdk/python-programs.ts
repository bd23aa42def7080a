import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { object, optional, parse, record, string, unknown } from "valibot";
import type { Brand } from "./python-environment.ts";

/** Programs for the vendor's Python packages. */

const FOLDER = "test/sdk/python";
/** Deadline of a program, in milliseconds. */
const TIMEOUT_MS = 110_000;

type Env = Readonly<Record<string, string | undefined>>;

/** A program as a user of the brand writes it, with a port other than 11111 if that is taken. */
export function programOf(name: string, brand: Brand, port: number): string {
  const text = readFileSync(`${FOLDER}/${name}.py`, "utf8");
  return text.replace("from futu ", `from ${brand} `).replace("11111", String(port));
}

/**
 * Runs Python to its end.
 * @returns what it printed on standard output
 * @throws Error with its output if it fails
 */
export async function runPython(python: string, args: readonly string[], env: Env): Promise<string> {
  const options = { env, cwd: env.HOME, timeout: TIMEOUT_MS, killSignal: "SIGKILL" } as const;
  return (await promisify(execFile)(python, args, options)).stdout;
}

/** The path of a program in a folder of its own. */
export const pathOf = (name: string) => resolve(FOLDER, `${name}.py`);

/** Ends a program as soon as it prints a text. The vendor's packages repeat a refused login forever. */
export async function outputUntil(
  pattern: RegExp,
  python: string,
  program: string,
  env: Env,
): Promise<string> {
  const child = spawn(python, ["-c", program], { env, cwd: env.HOME });
  let printed = "";
  const read = (chunk: Buffer) => {
    printed += chunk;
    if (pattern.test(printed)) child.kill("SIGKILL");
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  await new Promise((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  return printed;
}

const Outcomes = record(string(), object({ result: optional(unknown()), failure: optional(string()) }));

/** Runs functions of checks.py. Each has a result, or the text of its exception. */
export async function runChecks(python: string, args: readonly string[], names: readonly string[], env: Env) {
  const printed = await runPython(python, [pathOf("checks"), ...args, ...names], env);
  const [, json = ""] = /^OUTCOMES (.*)$/m.exec(printed) ?? [];
  return parse(Outcomes, JSON.parse(json));
}

/** The cells of a printed frame, row by row. */
export function cellsOf(printed: string): string[][] {
  return printed
    .split("\n")
    .filter((line) => /^(\s+timestamp |\d+ +\d{10} )/.test(line))
    .map((line) => line.trim().split(/\s+/));
}

/** The cells that the vendor's page prints for the example. */
export const documentedCells = () => cellsOf(readFileSync(`${FOLDER}/example-output.txt`, "utf8"));
