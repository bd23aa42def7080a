import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { decodeReply, decodeRequest, encodeReply, encodeRequest } from "../../functions/opend/frame.ts";

const request = fc.record({
  command: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  section: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  body: fc.uint8Array({ maxLength: 300 }),
});

const reply = fc.tuple(
  request,
  fc.record({
    error: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    errorText: fc.string({ maxLength: 20 }).filter((text) => /^[\x20-\x7e]*$/.test(text)),
  }),
);

describe("frame", () => {
  it("has the documented layout", () => {
    const bytes = encodeReply({
      command: 3249,
      section: 2n,
      error: -1,
      errorText: "no",
      body: new Uint8Array([9]),
    });
    expect(Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")).toBe(
      `66742d76312e3000${"00000cb1"}${"0000000000000002"}${"ffffffff"}${"6e6f".padEnd(40, "0")}${"09"}`,
    );
    expect(encodeRequest({ command: 1, section: 1n, body: new Uint8Array() })).toHaveLength(20);
  });

  it("decodes to what was encoded", () => {
    fc.assert(
      fc.property(request, (frame) => {
        expect(decodeRequest(encodeRequest(frame))).toEqual(frame);
      }),
    );
    fc.assert(
      fc.property(reply, ([frame, error]) => {
        expect(decodeReply(encodeReply({ ...frame, ...error }))).toEqual({ ...frame, ...error });
      }),
    );
  });

  it("is decoded from the middle of a buffer", () => {
    const frame = { command: 1, section: 7n, body: new Uint8Array([1, 2, 3]) };
    const bytes = new Uint8Array([0, 0, 0, ...encodeRequest(frame)]).subarray(3);
    expect(decodeRequest(bytes)).toEqual(frame);
  });

  it("of random bytes throws a Failure", () => {
    for (const decode of [decodeRequest, decodeReply]) {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
          expect(() => decode(bytes)).toThrow(Failure);
        }),
      );
    }
  });

  it("with a truncated header throws opend_protocol_error", () => {
    fc.assert(
      fc.property(reply, fc.nat(43), ([frame, error], length) => {
        const bytes = encodeReply({ ...frame, ...error }).subarray(0, length);
        expect(() => decodeReply(bytes)).toThrow(expect.objectContaining({ code: "opend_protocol_error" }));
      }),
    );
  });
});
