import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Bridge {
  readonly host: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

/**
 * Starts the bridge as a process of its own.
 *
 * @param origin of the service, such as `http://127.0.0.1:8787`
 * @param options.port 0, the default, selects a free port
 * @throws Error with the text on the terminal if it does not listen
 */
export async function startBridge(origin: string, { port = 0, apiKey = "" } = {}): Promise<Bridge> {
  const bridge = spawn(process.execPath, ["scripts/bridge.ts", origin, "--port", String(port)], {
    // Without .dev.vars.
    env: { ...process.env, DEV_VARS_FILE: "none", API_KEY: apiKey },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed: string[] = [];
  bridge.stderr.on("data", (chunk) => printed.push(String(chunk)));
  for await (const line of createInterface({ input: bridge.stdout })) {
    const [, host = "", actual] = /^Bridge: (\S+):(\d+) to /.exec(line) ?? [];
    if (actual !== undefined) {
      // A full pipe would stop the bridge.
      bridge.stdout.resume();
      return { host, port: Number(actual), close: () => stop(bridge) };
    }
    printed.push(line);
  }
  await stop(bridge);
  throw new Error(`The bridge does not listen: ${printed.join("\n")}`);
}

async function stop(bridge: ChildProcess): Promise<void> {
  if (bridge.exitCode !== null || bridge.signalCode !== null) return;
  const exit = once(bridge, "exit");
  bridge.kill();
  await exit;
}
