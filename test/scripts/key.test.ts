import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";

const digest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");

/** Runs the script. Returns its exit code, and the indented lines: the key and its entry. */
function runScript(...args: string[]) {
  const { status, stdout } = spawnSync(process.execPath, ["scripts/key.ts", ...args], { encoding: "utf8" });
  const [key = "", entry = ""] = [...stdout.matchAll(/^ {2}(\S+)$/gm)].map(([, line = ""]) => line);
  return { status, stdout, key, entry };
}

describe("npm run key", () => {
  it("prints a key, and its entry with the digests of the key and of its MD5", () => {
    const { status, stdout, key, entry } = runScript("NAME");
    expect([status, stdout.includes("?key=")]).toEqual([0, false]);
    expect(key).toMatch(/^si_[\w-]{43}$/);
    expect(entry).toBe(`NAME:${digest("sha256", key)}:${digest("sha256", digest("md5", key))}`);
  });

  it.each([[["NAME", "--url"]], [["--url", "NAME"]]])(
    "with %j prints a key for URLs, and its entry with the mark",
    (args) => {
      const { status, stdout, key, entry } = runScript(...args);
      expect([status, stdout.includes("?key=")]).toEqual([0, true]);
      // It is part of a URL without any encoding.
      expect(encodeURIComponent(key)).toBe(key);
      expect(entry).toBe(`NAME:${digest("sha256", key)}:url`);
    },
  );

  it.each([[[]], [["--url"]], [["a b"]], [["NAME", "--URL"]], [["--urls"]], [["a".repeat(65)]]])(
    "with %j prints its usage and no key",
    (args) => {
      expect(runScript(...args)).toMatchObject({ status: 1, stdout: "" });
    },
  );
});
