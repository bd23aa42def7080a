import { randomBytes } from "node:crypto";
import { checkRateLimit } from "./rate-limit/check.ts";
import { checkSharedCache } from "./shared-cache/check.ts";

/**
 * `npm run model -- rate-limit 1000000` checks one million random histories of the rate limiter's Lua scripts.
 * `npm run model -- rate-limit 1 SEED INDEX` repeats one history. The other subject is `shared-cache`.
 */

const CHECKS = { "rate-limit": checkRateLimit, "shared-cache": checkSharedCache };

const [subject, histories = "100000", seed = randomBytes(4).toString("hex"), first = "0"] =
  process.argv.slice(2);
const check = subject === "rate-limit" || subject === "shared-cache" ? CHECKS[subject] : undefined;
if (check === undefined || !(Number(histories) >= 1) || !(Number(first) >= 0)) {
  console.error("Usage: npm run model -- rate-limit|shared-cache [HISTORIES] [SEED] [INDEX]");
  process.exit(2);
}

const began = performance.now();
const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
const failure = await check({
  seed,
  histories: Number(histories),
  firstHistory: Number(first),
  onProgress(done) {
    if (done % 10_000 === 0)
      console.log(`${subject}: ${done} histories checked in ${seconds()} s, seed ${seed}`);
  },
});
console.log(failure?.report ?? `${subject}: ${histories} histories passed in ${seconds()} s, seed ${seed}`);
process.exit(failure === undefined ? 0 : 1);
