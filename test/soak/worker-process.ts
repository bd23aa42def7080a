import { object, parse, record, string } from "valibot";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";

/**
 * Runs a Worker in its own process, so that its output can be checked. The parent sends the variables, and receives
 * the origin. The process exits when the parent disconnects.
 */

const Start = object({ vars: record(string(), string()) });

let isStopping = false;
let close: (() => Promise<void>) | undefined;

async function stop(): Promise<void> {
  isStopping = true;
  await close?.();
  process.exit(0);
}

process.once("disconnect", () => void stop());
// Ctrl+C reaches this process too. The parent handles it, and then disconnects.
process.on("SIGINT", () => undefined);

process.once("message", async (message) => {
  const { vars } = parse(Start, message);
  const worker = await startLocalWorker(vars, { ...UNLIMITED, console: true });
  close = worker.close;
  if (isStopping) return stop();
  process.send?.({ origin: worker.origin });
});
