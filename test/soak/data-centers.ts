import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { object, parse, string } from "valibot";

/** Data centers that start and end. Each is a Worker in its own process, with its own edge cache. */

export interface DataCentre {
  readonly at: number;
  readonly origin: string;
  /** Whether it requires a key. */
  readonly keyed: boolean;
  /** Whether it is about to end: its requests may be cut off. */
  gone: boolean;
  /** The pages that it has answered: they are in its edge cache. */
  readonly answered: Set<string>;
}

export interface DataCentres {
  /** The one at this place, or the next one that runs. */
  at(place: number): DataCentre;
  all(): readonly DataCentre[];
  /** Starts the one at this place. */
  start(place: number): Promise<void>;
  /** Ends one in the middle of its work, and starts another in its place. */
  replace(place: number): Promise<void>;
  close(): Promise<void>;
}

const Started = object({ origin: string() });
const START_MS = 60_000;
const END_MS = 10_000;

/**
 * @param vars the variables of each, by its place; none of them is started yet
 * @param heard called with each line of their output
 */
export function createDataCentres(
  vars: readonly Readonly<Record<string, string>>[],
  heard: (line: string) => void,
): DataCentres {
  const running = new Map<number, { centre: DataCentre; child: ChildProcess }>();
  const children = new Set<ChildProcess>();
  let closing = false;

  async function start(at: number): Promise<void> {
    const child = fork(join(import.meta.dirname, "worker-process.ts"), {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, WRANGLER_LOG: "log", NO_COLOR: "1" },
    });
    children.add(child);
    child.once("exit", () => children.delete(child));
    for (const stream of [child.stdout, child.stderr]) if (stream) eachLine(stream, heard);
    child.send({ vars: vars[at] });
    const ended = once(child, "exit").then(() => Promise.reject(new Error("A Worker does not start")));
    ended.catch(() => undefined);
    const told = once(child, "message", { signal: AbortSignal.timeout(START_MS) });
    const [message]: unknown[] = await Promise.race([told, ended]);
    const { origin } = parse(Started, message);
    const keyed = vars[at]?.API_KEYS !== undefined;
    running.set(at, { centre: { at, origin, keyed, gone: false, answered: new Set() }, child });
  }

  async function stop(child: ChildProcess): Promise<void> {
    const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await exited;
    clearTimeout(timer);
  }

  return {
    start,
    at(place) {
      for (let next = 0; next < vars.length; next += 1) {
        const found = running.get((place + next) % vars.length);
        if (found) return found.centre;
      }
      throw new Error("No data center runs");
    },
    all: () => [...running.values()].map(({ centre }) => centre),
    async replace(place) {
      const old = running.get(place);
      if (!old || closing) return;
      old.centre.gone = true;
      running.delete(place);
      await stop(old.child);
      if (!closing) await start(place);
    },
    async close() {
      closing = true;
      for (const { centre } of running.values()) centre.gone = true;
      await Promise.all([...children].map(stop));
    },
  };
}

function eachLine(stream: NodeJS.ReadableStream, heard: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) heard(line);
  });
  stream.on("end", () => heard(rest));
}
