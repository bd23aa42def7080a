import { readFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { type OpendOptions, type StandInOpend, startOpend } from "../stand-ins/opend.ts";
import { type RedisHost, startRedis } from "../stand-ins/redis.ts";
import { type StandInUpstash, startUpstash } from "../stand-ins/upstash.ts";

interface Closable {
  readonly close: () => unknown;
}

/** What a bench has started. All of it is closed when the bench ends, also where it fails: `await using`. */
export class Stage extends AsyncDisposableStack {
  add<Part extends Closable>(part: Part): Part {
    this.defer(async () => {
      await part.close();
    });
    return part;
  }

  /** An OpenD and an Upstash of its own, and the Worker's variables for them. */
  async remotes(options: OpendOptions = {}): Promise<Remotes> {
    const redis = this.add(await startRedis());
    const opend = this.add(await startOpend(options));
    const upstash = this.add(await startUpstash(await redis.open()));
    const vars = {
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

/** More calls than anything here makes: an OpenD that is not to limit what is measured. */
export const NO_LIMIT: OpendOptions = { limit: 1_000_000_000 };

/** The script of a small Worker that stands beside this project's. */
export async function scriptBeside(name: "cache" | "empty"): Promise<string> {
  const source = readFileSync(join(import.meta.dirname, `beside/${name}.ts`), "utf8");
  return (await transform(source, { loader: "ts", format: "esm" })).code;
}
