import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { number, parse } from "valibot";

/** The vendor's client, in a process of its own. */
export interface OfficialClient {
  /** What it needs to connect to an OpenD on this machine, log in and get a page, in milliseconds. */
  readonly page: (port: number, code: string) => Promise<number>;
  readonly close: () => unknown;
}

export function startOfficialClient(): OfficialClient {
  const child = fork(join(import.meta.dirname, "beside/official.ts"), { stdio: "ignore" });
  return {
    async page(port, code) {
      const gone = new AbortController();
      const over = () => gone.abort(new Error("The official client's process has ended"));
      child.once("exit", over);
      try {
        const answer = once(child, "message", gone);
        child.send({ port, code });
        const [ms] = await answer;
        return parse(number(), ms);
      } finally {
        child.off("exit", over);
      }
    },
    close: () => child.kill(),
  };
}
