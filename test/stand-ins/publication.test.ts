import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { afterAll, expect, it, vi } from "vitest";
import { blocksOf, sectionOf } from "../support/readme.ts";
import { control } from "../support/stand-ins.ts";

const blocks = blocksOf(sectionOf(readFileSync("docs/webhooks.md", "utf8"), "## Try it locally"));
const [startDemo = "", startReceiver = "", createWebhook = "", publish = "", showMessages = ""] = blocks.map(
  ({ text }) => text,
);

const [port, receiverPort] = await Promise.all([control.unusedPort(), control.unusedPort()]);
const env = {
  ...process.env,
  PORT: String(port),
  RECEIVER_PORT: String(receiverPort),
  DEV_VARS_FILE: "none",
};

const groups: ChildProcess[] = [];
afterAll(() => {
  for (const { exitCode, signalCode, pid } of groups) {
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
  }
});

/** Starts a command as a terminal does: in a process group of its own, which Ctrl+C ends. */
function start(command: string) {
  const child = spawn("sh", ["-c", command], { env, detached: true });
  groups.push(child);
  const printed = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed.text += chunk));
  const prints = (expected: string) =>
    vi.waitFor(() => expect(printed.text).toContain(expected), { timeout: 20_000, interval: 20 });
  return { prints, pressCtrlC: () => process.kill(-(child.pid ?? 0), "SIGINT"), exit: once(child, "exit") };
}

async function run(command: string): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn("sh", ["-c", command], { env });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { code, stdout, stderr };
}

interface Row {
  readonly timestamp_str: string;
}

async function newestRow(): Promise<Row | undefined> {
  const url = `http://localhost:${port}/v1/short-interest/US.AAPL?num=1`;
  const response = await fetch(url, { headers: { "X-API-Key": "demo" } });
  const { items }: { items: Row[] } = JSON.parse(await response.text());
  return items[0];
}

it("the five commands of docs/webhooks.md publish a row, and the page and a receiver have it", async () => {
  expect(blocks.map(({ language }) => language)).toEqual(["sh", "sh", "sh", "sh", "sh"]);
  const demo = start(startDemo);
  const receiver = start(startReceiver);
  await Promise.all([demo.prints("Press Ctrl+C"), receiver.prints("Receiver:")]);
  // Cached in Redis, at the edge and in the isolate.
  for (const _ of [1, 2]) await newestRow();
  const before = await newestRow();

  expect(JSON.parse((await run(createWebhook)).stdout)).toMatchObject({ active: true, symbols: ["US.AAPL"] });
  const { stdout } = await run(publish);
  const [, date = ""] = /^US\.AAPL: row of (\S+) published$/m.exec(stdout) ?? [];
  expect(date > (before?.timestamp_str ?? "")).toBe(true);
  const after = await newestRow();
  expect(after?.timestamp_str).toBe(date);

  await receiver.prints(`"timestamp_str":"${date}"`);
  const messages = (await run(showMessages)).stdout.trimEnd().split("\n");
  expect(messages.map((message) => JSON.parse(message))).toEqual([
    expect.objectContaining({ type: "webhook.test" }),
    expect.objectContaining({
      type: "short_interest.published",
      data: { symbol: "US.AAPL", market: "US", row: after, previous: before },
    }),
  ]);

  expect(await run("npm run -s publish-row -- US.NOSUCH")).toEqual({
    code: 1,
    stdout: "",
    stderr: "US.NOSUCH has no sample data\n",
  });
  demo.pressCtrlC();
  await demo.exit;
  const { code, stderr } = await run("npm run -s publish-row -- US.AAPL");
  expect([code, stderr]).toEqual([
    1,
    `npm run dev is not running with sample data on port ${port}; PORT selects another port\n`,
  ]);
}, 60_000);
