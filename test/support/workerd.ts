import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { array, literal, number, object, parse, safeParse, string, union } from "valibot";

/** A Worker of a workerd process. */
export interface WorkerdService {
  /** An ES module. */
  readonly script: string;
  readonly vars?: Readonly<Record<string, string>>;
  /** Bindings whose value is JSON. */
  readonly json?: Readonly<Record<string, unknown>>;
  /** The name of a service that receives its spans: it exports `tailStream`. */
  readonly tail?: string;
  /** The name of the service that implements its Cache API. Without it, there is no cache. */
  readonly cache?: string;
}

/** A workerd process with several Workers. */
export interface Workerd {
  readonly pid: number;
  /** Host and port of the inspector, if enabled. It slows the Workers down. */
  readonly inspector: string | undefined;
  /** The origin of a Worker by its name. */
  readonly originOf: (name: string) => string;
  readonly close: () => Promise<void>;
}

/** The deployed script: bundled, and minified by default. */
export async function bundledWorker({ minify = true } = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "short-interest-edge-"));
  try {
    const args = ["deploy", "--dry-run", "--outdir", directory, `--minify=${minify}`];
    await promisify(execFile)("node_modules/.bin/wrangler", args);
    return await readFile(join(directory, "index.js"), "utf8");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A message of workerd on the control descriptor. */
const ListenEvent = union([
  object({ event: literal("listen"), socket: string(), port: number() }),
  object({ event: literal("listen-inspector"), port: number() }),
]);
const INSPECTOR = "inspector";

/**
 * Starts workerd without Miniflare. Every Worker has a port.
 *
 * @param options.quiet drops the messages of workerd: it writes one for each connection that violates the protocol
 */
export async function startWorkerd(
  services: Readonly<Record<string, WorkerdService>>,
  { inspect = false, quiet = false } = {},
): Promise<Workerd> {
  const directory = await mkdtemp(join(tmpdir(), "short-interest-edge-"));
  const names = [...Object.keys(services), ...(inspect ? [INSPECTOR] : [])];
  for (const [name, { script }] of Object.entries(services)) {
    await writeFile(join(directory, `${name}.js`), script);
  }
  await writeFile(join(directory, "config.capnp"), configOf(services));
  // Descriptor 3 reports the ports.
  const workerd = spawn(
    "node_modules/.bin/workerd",
    [
      "serve",
      "--control-fd=3",
      ...(Object.values(services).some(({ tail }) => tail !== undefined) ? ["--experimental"] : []),
      ...(inspect ? ["--inspector-addr=127.0.0.1:0"] : []),
      join(directory, "config.capnp"),
    ],
    { stdio: ["ignore", "ignore", quiet ? "ignore" : "inherit", "pipe"] },
  );
  const control = workerd.stdio[3];
  if (workerd.pid === undefined || !control || !("on" in control)) {
    throw new Error("workerd has no control descriptor");
  }
  const hosts = new Map<string, string>();
  for await (const line of createInterface({ input: control as NodeJS.ReadableStream })) {
    const { success, output } = safeParse(ListenEvent, JSON.parse(line));
    if (!success) continue;
    const name = output.event === "listen" ? output.socket : INSPECTOR;
    hosts.set(name, `127.0.0.1:${output.port}`);
    if (hosts.size === names.length) break;
  }
  const hostOf = (name: string) => {
    const host = hosts.get(name);
    if (host === undefined) throw new Error(`workerd does not listen for ${name}`);
    return host;
  };
  return {
    pid: workerd.pid,
    inspector: hosts.get(INSPECTOR),
    originOf: (name) => `http://${hostOf(name)}`,
    async close() {
      workerd.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The settings of the runtime in wrangler.toml, which deployment uses as well. */
const Compatibility = object({ compatibility_date: string(), compatibility_flags: array(string()) });

/** Reads them without wrangler, which takes a second to load. They have the syntax of JSON. */
function readCompatibility() {
  const toml = readFileSync("wrangler.toml", "utf8");
  const settings = [...toml.matchAll(/^(compatibility_\w+) = (.*)$/gm)];
  return parse(
    Compatibility,
    Object.fromEntries(settings.map(([, key, value = ""]) => [key, JSON.parse(value)])),
  );
}

/** The configuration in Cap'n Proto. Its strings have the syntax of JSON. */
function configOf(services: Readonly<Record<string, WorkerdService>>): string {
  const text = JSON.stringify;
  const { compatibility_date: date, compatibility_flags: flags } = readCompatibility();
  const workers = Object.entries(services).map(([name, { vars = {}, json = {}, cache, tail }]) => {
    const bindings = [
      ...Object.entries(vars).map(([key, value]) => `(name = ${text(key)}, text = ${text(value)})`),
      ...Object.entries(json).map(([key, value]) => `(name = ${text(key)}, json = ${text(text(value))})`),
    ];
    return `(name = ${text(name)}, worker = (
      modules = [(name = "index.js", esModule = embed ${text(`${name}.js`)})],
      compatibilityDate = ${text(date)},
      compatibilityFlags = [${flags.map((flag) => text(flag)).join(", ")}],
      bindings = [${bindings.join(", ")}],
      ${cache === undefined ? "" : `cacheApiOutbound = ${text(cache)},`}
      ${tail === undefined ? "" : `streamingTails = [${text(tail)}],`}
    ))`;
  });
  const sockets = Object.keys(services).map(
    (name) => `(name = ${text(name)}, address = "127.0.0.1:0", http = (), service = ${text(name)})`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${[...workers, '(name = "internet", network = (allow = ["private", "public"]))'].join(", ")}],
  sockets = [${sockets.join(", ")}],
);
`;
}
