import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

/** Virtual environments of Python, with and without the vendor's packages. */

export const BRANDS = ["futu", "moomoo"] as const;
export type Brand = (typeof BRANDS)[number];

/** The version of both packages, and of the JavaScript package `futu-api`. */
const VERSION = "10.11.7108";
const CONSTRAINTS = "test/sdk/python/constraints.txt";
const CACHE = "node_modules/.cache/sdk";
const PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"];

const run = promisify(execFile);

const { stdout: version } = spawnSync("python3", ["--version"], { encoding: "utf8" });

/** Whether Python is installed. If it is not, a message says so. */
export function hasPython(): boolean {
  const isInstalled = Boolean(version);
  if (!isInstalled) console.warn("Tests of Python programs are skipped: python3 is not installed");
  return isInstalled;
}

/** The Python of an environment with what examples/python needs. */
export const installExample = () => install("example", ["pandas", "requests"]);

/** The Python of an environment with the package of a brand, and with what examples/python needs. */
export const installPackage = (brand: Brand) => install(brand, [`${brand}-api==${VERSION}`, "requests"]);

/**
 * Installs packages into a virtual environment, or reuses a complete one with the same versions.
 *
 * @returns the path of its Python
 * @throws Error if the installation fails
 */
async function install(name: string, packages: readonly string[]): Promise<string> {
  const directory = resolve(CACHE, `python-${name}`);
  const python = join(directory, "bin", "python");
  // Written last: an environment without it is incomplete.
  const marker = join(directory, "complete");
  const contents = [version, ...packages, readFileSync(CONSTRAINTS, "utf8")];
  const digest = createHash("sha256").update(contents.join("\n")).digest("hex");
  if ((await readFile(marker, "utf8").catch(() => "")) === digest) return python;
  await rm(directory, { recursive: true, force: true });
  await mkdir(CACHE, { recursive: true });
  await run("python3", ["-m", "venv", directory]);
  await run(python, [...PIP, "--constraint", CONSTRAINTS, ...packages]);
  await writeFile(marker, digest);
  return python;
}

/**
 * The environment of a program. The vendor's packages write logs into the home directory, so it gets a new one. Its
 * terminal is wide enough for all columns of a frame.
 */
export async function temporaryHome() {
  const home = await mkdtemp(join(tmpdir(), "short-interest-edge-"));
  const {
    SHORT_INTEREST_URL: _url,
    SHORT_INTEREST_API_KEY: _key,
    PYTHONDONTWRITEBYTECODE: _no,
    ...inherited
  } = process.env;
  return {
    env: {
      ...inherited,
      HOME: home,
      COLUMNS: "200",
      PYTHONUNBUFFERED: "1",
      PYTHONPYCACHEPREFIX: resolve(CACHE, "pycache"),
      PYTHONPATH: resolve("examples/python"),
    },
    remove: () => rm(home, { recursive: true, force: true }),
  };
}
