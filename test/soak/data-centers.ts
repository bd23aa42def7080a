import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { object, parse, string } from "valibot";

/** Simulated data centers. Each is a Worker in its own process, with its own edge cache. */

export interface DataCenter {
  readonly index: number;
  readonly origin: string;
  /** Whether it requires an API key. */
  readonly requiresKey: boolean;
  /** Whether it is being stopped, so that its requests may fail. */
  isStopping: boolean;
  /** Pages that it has served, and that are therefore in its edge cache. */
  readonly cachedPages: Set<string>;
}

export interface DataCenters {
  /** Returns the data center with this index, or the next running one. */
  get(index: number): DataCenter;
  all(): readonly DataCenter[];
  start(index: number): Promise<void>;
  /** Stops a data center without waiting for its requests, and starts a new one with an empty edge cache. */
  restart(index: number): Promise<void>;
  close(): Promise<void>;
}

const Started = object({ origin: string() });
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

/**
 * Creates data centers that are not yet started.
 * @param vars the variables of each data center
 * @param onLine called with each line of their console output
 */
export function createDataCenters(
  vars: readonly Readonly<Record<string, string>>[],
  onLine: (line: string) => void,
): DataCenters {
  const running = new Map<number, { center: DataCenter; child: ChildProcess }>();
  const children = new Set<ChildProcess>();
  let closing = false;

  async function start(index: number): Promise<void> {
    const child = fork(join(import.meta.dirname, "worker-process.ts"), {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, WRANGLER_LOG: "log", NO_COLOR: "1" },
    });
    children.add(child);
    child.once("exit", () => children.delete(child));
    for (const stream of [child.stdout, child.stderr]) if (stream) readLines(stream, onLine);
    child.send({ vars: vars[index] });
    const exited = once(child, "exit").then(() =>
      Promise.reject(new Error("The Worker exited at its start")),
    );
    exited.catch(() => undefined);
    const started = once(child, "message", { signal: AbortSignal.timeout(START_TIMEOUT_MS) });
    const [message]: unknown[] = await Promise.race([started, exited]);
    const { origin } = parse(Started, message);
    const requiresKey = vars[index]?.API_KEYS !== undefined;
    running.set(index, {
      center: { index, origin, requiresKey, isStopping: false, cachedPages: new Set() },
      child,
    });
  }

  async function stop(child: ChildProcess): Promise<void> {
    const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  return {
    start,
    get(index) {
      for (let offset = 0; offset < vars.length; offset += 1) {
        const found = running.get((index + offset) % vars.length);
        if (found) return found.center;
      }
      throw new Error("No data center is running");
    },
    all: () => [...running.values()].map(({ center }) => center),
    async restart(index) {
      const old = running.get(index);
      if (!old || closing) return;
      old.center.isStopping = true;
      running.delete(index);
      await stop(old.child);
      if (!closing) await start(index);
    },
    async close() {
      closing = true;
      for (const { center } of running.values()) center.isStopping = true;
      await Promise.all([...children].map(stop));
    },
  };
}

function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  stream.on("end", () => onLine(rest));
}
