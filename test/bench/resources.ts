import { readFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { type OpendOptions, type StandInOpend, startOpend } from "../stand-ins/opend.ts";
import { type RedisHost, startRedis } from "../stand-ins/redis.ts";
import { type StandInUpstash, startUpstash } from "../stand-ins/upstash.ts";
import { PUBLIC } from "../support/public-access.ts";

interface Closable {
  readonly close: () => unknown;
}

/** The processes and servers of a benchmark. `await using` closes all of them, also after an error. */
export class Resources extends AsyncDisposableStack {
  add<Resource extends Closable>(resource: Resource): Resource {
    this.defer(async () => {
      await resource.close();
    });
    return resource;
  }

  /** Starts an OpenD and an Upstash, and returns them with the Worker's variables for them. */
  async remotes(options: OpendOptions = {}): Promise<Remotes> {
    const redis = this.add(await startRedis());
    const opend = this.add(await startOpend(options));
    const upstash = this.add(await startUpstash(await redis.open()));
    const vars = {
      ...PUBLIC,
      OPEND_URL: opend.url,
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: upstash.token,
    };
    return { redis, opend, upstash, vars };
  }
}

export interface Remotes {
  readonly redis: RedisHost;
  readonly opend: StandInOpend;
  readonly upstash: StandInUpstash;
  readonly vars: Readonly<Record<string, string>>;
}

/** An OpenD whose rate limit no benchmark reaches. */
export const NO_LIMIT: OpendOptions = { limit: 1_000_000_000 };

/** Returns the script of a Worker in `fixtures/`. */
export async function fixtureScript(name: "cache-service" | "minimal"): Promise<string> {
  const source = readFileSync(join(import.meta.dirname, `fixtures/${name}.ts`), "utf8");
  return (await transform(source, { loader: "ts", format: "esm" })).code;
}
