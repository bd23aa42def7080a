import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { vi } from "vitest";

/** Runs `npm run bridge`, and collects its output. */

const cleanups: (() => void)[] = [];

/** Ends all processes and connections of this file. A test file calls it after each test. */
export function endBridges(): void {
  for (const cleanUp of cleanups.splice(0)) cleanUp();
}

/** Timers of the process end after a hundredth of their time. */
export const FAST_TIMERS = { NODE_OPTIONS: "--import=./test/support/fast-timers.ts" };

/** Starts the bridge without `.dev.vars`. */
export function runBridge(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const child = spawn(process.execPath, ["scripts/bridge.ts", ...args], {
    env: { PATH, NODE_COMPILE_CACHE, DEV_VARS_FILE: "none", ...env },
  });
  cleanups.push(() => child.kill("SIGKILL"));
  const printed = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed.text += chunk));
  const exit = once(child, "close").then(([code]): unknown => code);
  return { child, printed, exit };
}

/** Starts the bridge on a free port, and waits until it listens. */
export async function startBridge(address: string, env: Readonly<Record<string, string>> = {}) {
  const bridge = runBridge([address, "--port", "0"], env);
  const listening = () => /^Bridge: 127\.0\.0\.1:(\d+) to .*\n/.exec(bridge.printed.text);
  const [line, port] = await vi.waitFor(
    () => listening() ?? Promise.reject(new Error(bridge.printed.text)),
    20_000,
  );
  return {
    ...bridge,
    port: Number(port),
    line,
    /** The output after the line of the start. */
    failures: () => bridge.printed.text.slice(line.length),
    /** A connection of a program. */
    async connect({ allowHalfOpen = false } = {}): Promise<Socket> {
      const program = connect({ port: Number(port), host: "127.0.0.1", allowHalfOpen });
      cleanups.push(() => program.destroy());
      await once(program, "connect");
      // Otherwise a reset ends the test's process.
      program.on("error", () => {});
      return program;
    },
  };
}

/** All bytes until the end of the connection, which may be a reset. */
export async function bytesOf(program: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  program.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => program.once("close", resolve));
  return Buffer.concat(chunks);
}
