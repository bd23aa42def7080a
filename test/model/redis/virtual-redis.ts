import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { array, number, parse, string, union } from "valibot";
import { LuaFactory } from "wasmoon";
import type { ScriptCall } from "../../../functions/upstash.ts";
import { createFunctionReader, type LuaFunction } from "./lua-functions.ts";

const MODULES = ["database", "sorted-sets", "scripts"];
/** Separates the fields of a request. No key or argument may contain it. */
const SEPARATOR = "\x1f";
const Keys = array(string());
const Counts = array(union([string(), number()]));

/** The functions of `scripts.lua`. The number is 0 and the text is empty where a function needs none. */
interface Interpreter {
  readonly define: LuaFunction;
  readonly evaluate: LuaFunction;
  readonly command: LuaFunction;
  readonly countOne: LuaFunction;
  readonly countAll: LuaFunction;
  readonly counted: LuaFunction;
  readonly existing: LuaFunction;
  readonly reset: LuaFunction;
  readonly save: LuaFunction;
  readonly restore: LuaFunction;
}

/**
 * A Redis database in a Lua interpreter that runs the Worker's scripts. Keys expire by an injected clock. Unknown
 * commands and undeclared keys are errors.
 */
export class VirtualRedis {
  /** The clock: Unix time in microseconds. */
  micros = 0;
  readonly #lua: Interpreter;
  readonly #rewrite: (script: string) => string;
  readonly #scripts = new Map<string, string>();
  /** The scripts that EVALSHA knows, by their SHA-1. */
  readonly #loaded = new Map<string, string>();
  /** The values of that map. */
  readonly #sources = new Set<string>();
  /** The number of commands; undefined while it is not known. */
  #total: number | undefined;

  private constructor(lua: Interpreter, rewrite: (script: string) => string) {
    this.#lua = lua;
    this.#rewrite = rewrite;
  }

  /** @param rewrite changes the source of a script before it is compiled */
  static async create(rewrite = (script: string) => script): Promise<VirtualRedis> {
    const factory = new LuaFactory();
    for (const name of MODULES) {
      await factory.mountFile(
        `${name}.lua`,
        await readFile(join(import.meta.dirname, `${name}.lua`), "utf8"),
      );
    }
    const engine = await factory.createEngine();
    await engine.doString("require('scripts')");
    const read = createFunctionReader(engine);
    const lua: Interpreter = {
      define: read("define"),
      evaluate: read("evaluate"),
      command: read("command"),
      countOne: read("countOne"),
      countAll: read("countAll"),
      counted: read("counted"),
      existing: read("existing"),
      reset: read("reset"),
      save: read("save"),
      restore: read("restore"),
    };
    return new VirtualRedis(lua, rewrite);
  }

  /**
   * Runs a script, as EVAL does.
   * @returns the reply as in Upstash's REST API: null, strings, integers, and arrays
   * @throws Error of the script or of a command
   */
  run(call: ScriptCall): unknown {
    return this.#evaluate("EVAL", call);
  }

  #evaluate(name: "EVAL" | "EVALSHA", { script, keys, args }: ScriptCall): unknown {
    let id = this.#scripts.get(script);
    if (id === undefined) {
      id = String(this.#lua.define(0, this.#rewrite(script)));
      this.#scripts.set(script, id);
    }
    this.#total = undefined;
    const request = requestOf([name, id, String(keys.length), ...keys, ...args]);
    return this.#lua.evaluate(this.micros, request);
  }

  /**
   * Runs one command. Its name must be in upper case.
   * @throws Error of the command; `NOSCRIPT` of EVALSHA for a script that EVAL has not run
   */
  command(...command: readonly string[]): unknown {
    const [name, source = "", keyCount, ...fields] = command;
    if (name === "EVAL" || name === "EVALSHA") {
      if (name === "EVAL") this.#load(source);
      const script = name === "EVAL" ? source : this.#loaded.get(source);
      if (script === undefined) {
        this.#total = undefined;
        this.#lua.countOne(0, name);
        throw new Error("NOSCRIPT No matching script");
      }
      const count = Number(keyCount);
      return this.#evaluate(name, { script, keys: fields.slice(0, count), args: fields.slice(count) });
    }
    this.#total = undefined;
    return this.#lua.command(this.micros, requestOf(command));
  }

  /** Makes a script known to EVALSHA. */
  #load(source: string): void {
    if (this.#sources.has(source)) return;
    this.#sources.add(source);
    this.#loaded.set(createHash("sha1").update(source).digest("hex"), source);
  }

  /**
   * How often each command ran since the last reset, as `INFO commandstats` of Redis counts it: scripts, and each
   * command inside them. Upstash bills all of them. Names are in upper case.
   */
  commandsByName(): ReadonlyMap<string, number> {
    const list = parse(Counts, this.#lua.counted(0, ""));
    const counts = new Map<string, number>();
    for (let index = 0; index < list.length; index += 2) {
      counts.set(String(list[index]), Number(list[index + 1]));
    }
    return counts;
  }

  /** The number of commands since the last reset. */
  commands(): number {
    this.#total ??= Number(this.#lua.countAll(0, ""));
    return this.#total;
  }

  /** Empties the database and the counters. Scripts stay known to EVALSHA. */
  reset({ keysEndEarly = false } = {}): void {
    this.#total = undefined;
    this.#lua.reset(keysEndEarly ? 1 : 0, "");
  }

  /** Returns all keys that have not expired. */
  keys(): string[] {
    return parse(Keys, this.#lua.existing(this.micros, ""));
  }

  /** Saves the database and the clock. Returns a function that restores them. */
  save(): () => void {
    const { micros } = this;
    this.#lua.save(0, "");
    return () => {
      this.#lua.restore(0, "");
      this.micros = micros;
    };
  }
}

function requestOf(fields: readonly string[]): string {
  for (const field of fields) {
    if (field.includes(SEPARATOR)) throw new Error("A field contains the separator");
  }
  return fields.join(SEPARATOR);
}
