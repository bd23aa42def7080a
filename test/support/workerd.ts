import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { array, literal, number, object, parse, safeParse, string, union } from "valibot";
import { unstable_readConfig as readConfig } from "wrangler";

/** A Worker in workerd. */
export interface WorkerdService {
  /** Its script, one module. */
  readonly script: string;
  readonly vars?: Readonly<Record<string, string>>;
  /** The name of the service that is its Cache API; without one it has no cache. */
  readonly cache?: string;
}

/** Several Workers in one process. */
export interface Workerd {
  readonly pid: number;
  /** Host and port of its inspector, where it has one; then it is slower. */
  readonly inspector: string | undefined;
  /** Where a Worker listens. */
  readonly originOf: (name: string) => string;
  readonly close: () => Promise<void>;
}

/** The script as it is deployed, bundled and minified; or for people to read. */
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

/** What workerd tells of its ports. */
const Listening = union([
  object({ event: literal("listen"), socket: string(), port: number() }),
  object({ event: literal("listen-inspector"), port: number() }),
]);
const INSPECTOR = "inspector";

/**
 * Starts workerd, and nothing in front of it, with each of the Workers on a port of its own.
 *
 * @param options.quiet drops its messages, of which it writes one for each connection that breaks the protocol
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
  // It tells on descriptor 3 which ports it has.
  const workerd = spawn(
    "node_modules/.bin/workerd",
    [
      "serve",
      "--control-fd=3",
      ...(inspect ? ["--inspector-addr=127.0.0.1:0"] : []),
      join(directory, "config.capnp"),
    ],
    { stdio: ["ignore", "ignore", quiet ? "ignore" : "inherit", "pipe"] },
  );
  const told = workerd.stdio[3];
  if (workerd.pid === undefined || !told || !("on" in told)) throw new Error("workerd cannot be heard");
  const hosts = new Map<string, string>();
  for await (const line of createInterface({ input: told as NodeJS.ReadableStream })) {
    const { success, output } = safeParse(Listening, JSON.parse(line));
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

/** What wrangler.toml says of the runtime; it is the same here as where the Worker is deployed. */
const Compatibility = object({ compatibility_date: string(), compatibility_flags: array(string()) });

/** In the form of Cap'n Proto, whose strings are written as JSON's are. */
function configOf(services: Readonly<Record<string, WorkerdService>>): string {
  const text = JSON.stringify;
  const { compatibility_date: date, compatibility_flags: flags } = parse(
    Compatibility,
    readConfig({ config: "wrangler.toml" }),
  );
  const workers = Object.entries(services).map(([name, { vars = {}, cache }]) => {
    const bindings = Object.entries(vars).map(
      ([key, value]) => `(name = ${text(key)}, text = ${text(value)})`,
    );
    return `(name = ${text(name)}, worker = (
      modules = [(name = "index.js", esModule = embed ${text(`${name}.js`)})],
      compatibilityDate = ${text(date)},
      compatibilityFlags = [${flags.map((flag) => text(flag)).join(", ")}],
      bindings = [${bindings.join(", ")}],
      ${cache === undefined ? "" : `cacheApiOutbound = ${text(cache)},`}
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
