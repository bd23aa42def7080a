import { type LuaEngine, LuaReturn } from "wasmoon";
import { readReply } from "./lua-reply.ts";

/** A global function of Lua with a number and a text as arguments. Its result is a reply as `scripts.lua` encodes it. */
export type LuaFunction = (value: number, text: string) => unknown;

const THREE_NUMBERS = Array<"number">(3).fill("number");
/** UTF-8 needs this many bytes for a UTF-16 unit at most. */
const MAX_UNIT_BYTES = 3;
const LENGTH_BYTES = 4;

/**
 * Returns a reader of global functions. Its functions work on the stack of Lua directly: a call by way of wasmoon creates a
 * thread and converts each value several times, which takes longer than most commands.
 */
export function createFunctionReader({ global: { lua, address } }: LuaEngine): (name: string) => LuaFunction {
  const { module } = lua;
  const lengthPointer = module._malloc(LENGTH_BYTES);
  let input = { pointer: 0, bytes: 0 };
  let memory = Buffer.alloc(0);

  /** All bytes of the interpreter. They move when its memory grows. */
  function bytes(): Buffer {
    const { buffer } = module.HEAPU8;
    if (memory.buffer !== buffer) memory = Buffer.from(buffer);
    return memory;
  }

  function pushText(text: string): void {
    const maxBytes = text.length * MAX_UNIT_BYTES;
    if (maxBytes > input.bytes) {
      module._free(input.pointer);
      input = { pointer: module._malloc(2 * maxBytes), bytes: 2 * maxBytes };
    }
    const length = bytes().write(text, input.pointer);
    module.ccall("lua_pushlstring", null, THREE_NUMBERS, [address, input.pointer, length]);
  }

  /** The place of the text on top of the stack. */
  function topText(): { start: number; end: number } {
    const result: unknown = module.ccall("lua_tolstring", "number", THREE_NUMBERS, [
      address,
      -1,
      lengthPointer,
    ]);
    const start = Number(result);
    return { start, end: start + bytes().readUInt32LE(lengthPointer) };
  }

  return (name) => {
    // The function stays on the stack.
    lua.lua_getglobal(address, name);
    const index = lua.lua_gettop(address);
    return (value, text) => {
      lua.lua_pushvalue(address, index);
      lua.lua_pushnumber(address, value);
      pushText(text);
      const status = lua.lua_pcallk(address, 2, 1, 0, 0, null);
      const { start, end } = topText();
      try {
        if (status !== LuaReturn.Ok) throw new Error(bytes().toString("utf8", start, end));
        return readReply(bytes(), start);
      } finally {
        lua.lua_settop(address, -2);
      }
    };
  };
}
