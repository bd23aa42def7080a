import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/**
 * The Worker as it is deployed, in workerd and nothing else: what the development server puts in front of it
 * does not tell it that a client has left. It has no edge cache.
 */
export async function startPlainWorkerd(vars: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), "short-interest-edge-"));
  await promisify(execFile)("node_modules/.bin/wrangler", ["deploy", "--dry-run", "--outdir", directory]);
  const bindings = Object.entries(vars).map(
    ([name, value]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`,
  );
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = "2026-10-01",
      bindings = [${bindings.join(", ")}],
    )),
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`;
  await writeFile(join(directory, "config.capnp"), config);
  // It tells on descriptor 3 which port it has.
  const workerd = spawn(
    "node_modules/.bin/workerd",
    ["serve", "--control-fd=3", join(directory, "config.capnp")],
    {
      stdio: ["ignore", "ignore", "inherit", "pipe"],
    },
  );
  const told = workerd.stdio[3];
  if (!told || !("on" in told)) throw new Error("workerd cannot be heard");
  let port = 0;
  for await (const line of createInterface({ input: told as NodeJS.ReadableStream })) {
    const message = JSON.parse(line) as { event: string; port?: number };
    if (message.event !== "listen") continue;
    port = message.port ?? 0;
    break;
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      workerd.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
