import { object, parse, record, string } from "valibot";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";

/**
 * A Worker in a process of its own, so that what it prints can be searched, and nothing of it outlives it. It is told
 * its variables by whoever has forked it, tells its address, and ends when the channel between them does.
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
// Ctrl-C reaches it as well; whoever has forked it closes the channel.
process.on("SIGINT", () => undefined);

process.once("message", async (message) => {
  const { vars } = parse(Start, message);
  const worker = await startLocalWorker(vars, { ...UNLIMITED, console: true });
  close = worker.close;
  if (ending) return end();
  process.send?.({ origin: worker.origin });
});
