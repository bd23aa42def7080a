import { execFileSync } from "node:child_process";

/** Compares `.proto` files by their descriptors, as buf compiles them. Comments are not part of a descriptor. */

interface Named {
  readonly name: string;
}

interface EnumType extends Named {
  readonly value?: readonly Named[];
}

interface MessageType extends Named {
  readonly field?: readonly Named[];
  readonly nestedType?: readonly MessageType[];
  readonly enumType?: readonly EnumType[];
}

interface File extends Named {
  readonly package: string;
  readonly dependency?: readonly string[];
  readonly messageType?: readonly MessageType[];
  readonly enumType?: readonly EnumType[];
}

/**
 * What a folder of `.proto` files declares. A key is the name of a file, or the full name of a message, field, enum or
 * enum value. A value has all other properties as JSON: number, type, label, default, options.
 */
export type ProtoFacts = ReadonlyMap<string, string>;

/** Reads the files of a folder. Imports are left out: an unused one declares nothing. */
export function protoFactsOf(folder: string): ProtoFacts {
  const args = ["build", folder, "--as-file-descriptor-set", "--exclude-source-info", "-o", "-#format=json"];
  const output = execFileSync("node_modules/.bin/buf", args, { encoding: "utf8", maxBuffer: 2 ** 26 });
  const { file: files }: { file: readonly File[] } = JSON.parse(output);
  return new Map(files.flatMap(factsOfFile));
}

type Fact = readonly [name: string, properties: string];

function factsOfFile({ name, dependency: _, messageType = [], enumType = [], ...properties }: File): Fact[] {
  return [
    [name, JSON.stringify(properties)],
    ...messageType.flatMap((message) => factsOfMessage(properties.package, message)),
    ...enumType.flatMap((type) => factsOfEnum(properties.package, type)),
  ];
}

function factsOfMessage(scope: string, message: MessageType): Fact[] {
  const { name, field = [], nestedType = [], enumType = [], ...properties } = message;
  const fullName = `${scope}.${name}`;
  return [
    [fullName, JSON.stringify(properties)],
    ...field.map((member) => factOf(fullName, member)),
    ...nestedType.flatMap((nested) => factsOfMessage(fullName, nested)),
    ...enumType.flatMap((nested) => factsOfEnum(fullName, nested)),
  ];
}

function factsOfEnum(scope: string, { name, value = [], ...properties }: EnumType): Fact[] {
  const fullName = `${scope}.${name}`;
  return [[fullName, JSON.stringify(properties)], ...value.map((member) => factOf(fullName, member))];
}

function factOf(scope: string, { name, ...properties }: Named): Fact {
  return [`${scope}.${name}`, JSON.stringify(properties)];
}

/** A folder of the vendor. */
export interface Vendor {
  readonly facts: ProtoFacts;
  /** Whether the vendor's files are older: then names that they lack are no difference. */
  readonly isOlder?: boolean;
}

/**
 * The differences between our files and the vendor's, one line each. Messages, enums and files that we do not declare
 * are no difference. A missing field or enum value of a declared one is.
 * @param partial full names of the messages that may lack fields
 */
export function differencesOf(
  ours: ProtoFacts,
  { facts, isOlder = false }: Vendor,
  partial: readonly string[],
): string[] {
  const changed = [...ours].flatMap(([name, properties]) => {
    const theirs = facts.get(name);
    if (theirs === properties || (theirs === undefined && isOlder)) return [];
    return [`${name}: ${properties}, but the vendor has ${theirs ?? "nothing"}`];
  });
  const missing = [...facts.keys()].filter((name) => {
    const scope = name.slice(0, name.lastIndexOf("."));
    return !ours.has(name) && ours.has(scope) && !partial.includes(scope);
  });
  return [...changed, ...missing.map((name) => `${name}: nothing, but the vendor has ${facts.get(name)}`)];
}
