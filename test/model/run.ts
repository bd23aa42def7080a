import { randomBytes } from "node:crypto";
import { checkLimit } from "./rate-limit/check.ts";
import { checkStore } from "./shared-cache/check.ts";

/**
 * `npm run model -- limit 1000000` checks that many random histories, and `npm run model -- limit 1 SEED NUMBER`
 * repeats one of them. The subject is `limit` or `store`.
 */

const CHECKS = { limit: checkLimit, store: checkStore };

const [subject, histories = "100000", seed = randomBytes(4).toString("hex"), first = "0"] =
  process.argv.slice(2);
const check = subject === "limit" || subject === "store" ? CHECKS[subject] : undefined;
if (check === undefined || !(Number(histories) >= 1) || !(Number(first) >= 0)) {
  throw new Error("usage: npm run model -- limit|store HISTORIES SEED NUMBER");
}

const began = performance.now();
const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
const failure = await check({
  seed,
  histories: Number(histories),
  first: Number(first),
  onProgress(done) {
    if (done % 10_000 === 0) console.log(`${subject}: ${done} histories of seed ${seed} in ${seconds()} s`);
  },
});
console.log(failure?.report ?? `${subject}: ${histories} histories of seed ${seed} hold, ${seconds()} s`);
process.exit(failure === undefined ? 0 : 1);
