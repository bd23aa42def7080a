import { cpus } from "node:os";
import { benchLimit } from "./limit.ts";

/** `npm run bench` */
console.log(`${cpus()[0]?.model ?? "unknown processor"} × ${cpus().length}, Node ${process.version}\n`);
await benchLimit();
