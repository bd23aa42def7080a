import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

/** Part of `npm run gen`: generates the types of the bindings in `wrangler.toml`. */

const FILE = "gen/worker-configuration.d.ts";
/** Here the types of `process.env` and of imported files begin. Scripts and tests have other variables. */
const REST = "type StringifyValues";

execFileSync("wrangler", ["types", FILE, "--include-runtime", "false"], {
  stdio: ["ignore", "ignore", "inherit"],
});
const text = readFileSync(FILE, "utf8");
if (!text.includes(REST)) throw new Error(`wrangler types wrote no "${REST}"`);
writeFileSync(FILE, text.slice(0, text.indexOf(REST)));
