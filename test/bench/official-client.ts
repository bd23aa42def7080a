import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { number, parse } from "valibot";

/** The vendor's client in a separate process. */
export interface OfficialClient {
  /** Connects to an OpenD on this machine, logs in and fetches a page. Resolves to the duration in milliseconds. */
  readonly page: (port: number, code: string) => Promise<number>;
  readonly close: () => unknown;
}

export function startOfficialClient(): OfficialClient {
  const child = fork(join(import.meta.dirname, "fixtures/official-client.ts"), { stdio: "ignore" });
  return {
    async page(port, code) {
      const controller = new AbortController();
      const onExit = () => controller.abort(new Error("The process of the official client has exited"));
      child.once("exit", onExit);
      try {
        const reply = once(child, "message", controller);
        child.send({ port, code });
        const [elapsedMs] = await reply;
        return parse(number(), elapsedMs);
      } finally {
        child.off("exit", onExit);
      }
    },
    close: () => child.kill(),
  };
}
