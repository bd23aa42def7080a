import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { array, parse, string } from "valibot";
import { LuaFactory } from "wasmoon";
import type { ScriptCall } from "../../../functions/upstash.ts";

const MODULES = ["database", "sorted-sets", "scripts"];
/** Separates the fields of a request. No key or argument may contain it. */
const SEPARATOR = "\x1f";
const Keys = array(string());

/** The functions of `scripts.lua`. Replies are JSON. */
interface Interpreter {
  define(source: string): number;
  evaluate(micros: number, request: string): string;
  command(micros: number, request: string): string;
  existing(micros: number): string;
  reset(early: number): void;
  save(): void;
  restore(): void;
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
  readonly #scripts = new Map<string, number>();

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
    const { global } = engine;
    await engine.doString("require('scripts')");
    const lua: Interpreter = {
      define: global.get("define"),
      evaluate: global.get("evaluate"),
      command: global.get("command"),
      existing: global.get("existing"),
      reset: global.get("reset"),
      save: global.get("save"),
      restore: global.get("restore"),
    };
    return new VirtualRedis(lua, rewrite);
  }

  /**
   * Runs a script.
   * @returns the reply as in Upstash's REST API: null, strings, integers, and arrays
   * @throws Error of the script or of a command
   */
  run({ script, keys, args }: ScriptCall): unknown {
    let id = this.#scripts.get(script);
    if (id === undefined) {
      id = this.#lua.define(this.#rewrite(script));
      this.#scripts.set(script, id);
    }
    return JSON.parse(
      this.#lua.evaluate(this.micros, requestOf([String(id), String(keys.length), ...keys, ...args])),
    );
  }

  /**
   * Runs one command. Its name must be in upper case.
   * @throws Error of the command
   */
  command(...command: readonly string[]): unknown {
    return JSON.parse(this.#lua.command(this.micros, requestOf(command)));
  }

  /** Empties the database. */
  reset({ keysEndEarly = false } = {}): void {
    this.#lua.reset(keysEndEarly ? 1 : 0);
  }

  /** Returns all keys that have not expired. */
  keys(): string[] {
    return parse(Keys, JSON.parse(this.#lua.existing(this.micros)));
  }

  /** Saves the database and the clock. Returns a function that restores them. */
  save(): () => void {
    const { micros } = this;
    this.#lua.save();
    return () => {
      this.#lua.restore();
      this.micros = micros;
    };
  }
}

function requestOf(fields: readonly string[]): string {
  if (fields.some((field) => field.includes(SEPARATOR))) throw new Error("A field contains the separator");
  return fields.join(SEPARATOR);
}
