const [STRING, INTEGER, LIST] = ["$", ":", "*"].map((char) => char.charCodeAt(0));
const END_OF_NUMBER = ";".charCodeAt(0);
const MINUS = "-".charCodeAt(0);
const ZERO = "0".charCodeAt(0);

/**
 * Reads a reply that `scripts.lua` encoded, similar to the protocol of Redis: `$LENGTH;BYTES` for a string, `:NUMBER;`,
 * `*LENGTH;` before the items of a list, and `_` for null. JSON would need a look at each character in Lua.
 * @param start the position of the reply
 */
export function readReply(bytes: Buffer, start: number): unknown {
  let position = start;

  function readNumber(): number {
    const sign = bytes[position] === MINUS ? -1 : 1;
    if (sign < 0) position += 1;
    let value = 0;
    for (let byte = bytes[position]; byte !== undefined && byte !== END_OF_NUMBER; byte = bytes[position]) {
      value = 10 * value + byte - ZERO;
      position += 1;
    }
    position += 1;
    return sign * value;
  }

  function read(): unknown {
    const kind = bytes[position];
    position += 1;
    if (kind === STRING) {
      const length = readNumber();
      position += length;
      return bytes.toString("utf8", position - length, position);
    }
    if (kind === INTEGER) return readNumber();
    if (kind === LIST) return Array.from({ length: readNumber() }, read);
    return null;
  }

  return read();
}
