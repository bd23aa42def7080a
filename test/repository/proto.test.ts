import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { differencesOf, protoFactsOf } from "../support/proto-facts.ts";

/**
 * `proto/` against the definitions that the vendor ships. Three things may differ: comments, imports, and messages or
 * enums that the gateway does not use. All else must be equal, so that an update of `futu-api` shows each change.
 */

/** Messages with only some of the vendor's fields. The gateway skips notifications, and the doctor reads few states. */
const PARTIAL = ["Notify.S2C", "GetGlobalState.S2C"];

const ours = protoFactsOf("proto");
const FUTU = { facts: protoFactsOf("node_modules/futu-api/proto") };
/** Version 9.6, from before short interest. */
const MOOMOO = { facts: protoFactsOf("node_modules/moomoo-api/proto"), isOlder: true };

const folder = mkdtempSync(join(tmpdir(), "proto-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("proto/", () => {
  it("has the names, numbers, types, labels, defaults and options of npm futu-api", () => {
    expect(ours.size).toBeGreaterThan(80);
    expect(differencesOf(ours, FUTU, PARTIAL)).toEqual([]);
  });

  it("does not contradict the older npm moomoo-api", () => {
    expect([...ours.keys()].filter((name) => MOOMOO.facts.has(name)).length).toBeGreaterThan(40);
    expect(differencesOf(ours, MOOMOO, PARTIAL)).toEqual([]);
  });
});

describe("a drift of proto/ is found:", () => {
  it.each([
    ["a field number", "Qot_GetShortInterest", "sharesShort = 3", "sharesShort = 9"],
    ["a field name", "InitWebSocket", "clientID", "clientId"],
    ["a field type", "Qot_GetShortInterest", "uint64 sharesShort", "int64 sharesShort"],
    ["a label", "Qot_Common", "required string code", "optional string code"],
    ["a default", "KeepAlive", "default = -400", "default = -401"],
    ["a missing field", "InitWebSocket", "  optional uint64 connID = 2;\n", ""],
    ["an additional field", "KeepAlive", "message S2C {", "message S2C {\n  optional int64 more = 9;"],
    ["an enum value", "Common", "RetType_TimeOut = -100", "RetType_TimeOut = -101"],
    ["a missing enum value", "Qot_Common", "  QotMarket_CA_Security = 71;\n", ""],
    ["a java_package", "Notify", "com.futu.openapi.pb", "com.futu.openapi"],
    ["a missing go_package", "Common", /option go_package.*\n/, ""],
    ["a package", "KeepAlive", "package KeepAlive;", "package Keep_Alive;"],
  ])("%s of %s.proto", (_, name, before, after) => {
    cpSync("proto", folder, { recursive: true });
    const path = join(folder, `${name}.proto`);
    const text = readFileSync(path, "utf8");
    const mutant = text.replace(before, after);
    expect(mutant).not.toBe(text);
    writeFileSync(path, mutant);
    expect(differencesOf(protoFactsOf(folder), FUTU, PARTIAL)).not.toEqual([]);
  });
});
