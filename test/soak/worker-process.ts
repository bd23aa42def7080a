import { object, parse, record, string } from "valibot";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";

/**
 * A Worker in its own process, so that its output can be searched, and nothing outlives it. Its parent sends the
 * variables, and gets the address. The process ends when the channel to its parent closes.
 */

const Start = object({ vars: record(string(), string()) });

let ending = false;
let close: (() => Promise<void>) | undefined;

async function end(): Promise<void> {
  ending = true;
  await close?.();
  process.exit(0);
}

process.once("disconnect", () => void end());
// Ctrl-C reaches this process as well. Its parent then closes the channel.
process.on("SIGINT", () => undefined);

process.once("message", async (message) => {
  const { vars } = parse(Start, message);
  const worker = await startLocalWorker(vars, { ...UNLIMITED, console: true });
  close = worker.close;
  if (ending) return end();
  process.send?.({ origin: worker.origin });
});
