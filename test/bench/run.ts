import { cpus } from "node:os";
import { benchGuessing } from "./guessing.ts";
import { benchHistory } from "./history.ts";
import { benchLimit } from "./limit.ts";
import { benchPopularity } from "./popularity.ts";
import { benchSockets } from "./sockets.ts";
import { benchTrips } from "./trips.ts";

/** `npm run bench`, or `npm run bench -- popularity` for one of them. */
const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  trips: benchTrips,
  popularity: benchPopularity,
  guessing: benchGuessing,
  history: benchHistory,
  sockets: benchSockets,
  limit: benchLimit,
};

const wanted = process.argv.slice(2);
console.log(`${cpus()[0]?.model ?? "unknown processor"} × ${cpus().length}, Node ${process.version}\n`);
for (const [name, bench] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  await bench();
  console.log();
}
