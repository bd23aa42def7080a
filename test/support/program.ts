import { spawn } from "node:child_process";
import { once } from "node:events";
import { startReceiver } from "../stand-ins/receiver.ts";

/** Starts a program that runs until `close`, with `env` added to the environment. */
export function startProgram(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed += chunk));
  return {
    /** Standard output and standard error so far. */
    printed: () => printed,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      child.kill();
      await exit;
    },
  };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<string> {
  const holder = await startReceiver();
  await holder.close();
  return new URL(holder.origin).port;
}
