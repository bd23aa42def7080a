import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { NO_SPANS, type PlatformTracing, spansOf } from "../../functions/telemetry/spans.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const TRACE_ID = "711cb785fe77337a8777ce206d15ec76";

/** Tracing that records its spans. test/workers/traces.test.ts runs with the platform's own. */
function recordingTracing({ isTraced = true } = {}) {
  const recorded: { name: string; attributes: Record<string, string> }[] = [];
  const spanOf = (attributes: Record<string, string>) => ({
    isTraced,
    setAttribute(key: string, value: string) {
      attributes[key] = value;
    },
    spanContext: () => ({ traceId: TRACE_ID }),
  });
  const tracing: PlatformTracing = {
    enterSpan(name, callback) {
      const attributes = {};
      recorded.push({ name, attributes });
      return callback(spanOf(attributes));
    },
    getActiveSpan: () => spanOf({}),
  };
  return { tracing, recorded };
}

describe("spans", () => {
  it("of a traced invocation have the ID of its trace", () => {
    expect(spansOf(recordingTracing().tracing).traceId).toBe(TRACE_ID);
  });

  it.each([
    ["without tracing", undefined],
    ["with the first version of tracing", { enterSpan: recordingTracing().tracing.enterSpan }],
    ["without an active span", { ...recordingTracing().tracing, getActiveSpan: () => undefined }],
    ["that does not trace this invocation", recordingTracing({ isTraced: false }).tracing],
  ])("on a runtime %s are none, and work runs", async (_, tracing) => {
    const spans = spansOf(tracing);
    expect(spans).toBe(NO_SPANS);
    expect(await spans.run("call", async (setErrorType) => setErrorType("timeout"))).toBeUndefined();
  });

  it("on a runtime without span contexts have no trace ID", () => {
    const { tracing } = recordingTracing();
    const root = { isTraced: true, setAttribute: () => undefined };
    expect(spansOf({ ...tracing, getActiveSpan: () => root }).traceId).toBeUndefined();
  });

  it("record the code of a Failure, and never a text", async () => {
    const { tracing, recorded } = recordingTracing();
    const spans = spansOf(tracing);
    const failure = new Failure("opend_failed", "text with a secret");
    await expect(spans.run("call", () => Promise.reject(failure))).rejects.toBe(failure);
    await expect(spans.run("call", () => Promise.reject(new Error("secret")))).rejects.toThrow();
    expect(recorded).toEqual([
      { name: "call", attributes: { "error.type": "opend_failed" } },
      { name: "call", attributes: {} },
    ]);
  });
});

describe("span of a delivery", () => {
  it.each([
    ["that succeeds has no error type", {}, {}],
    ["to a receiver that does not respond has the error type", { delayMs: -1 }, { "error.type": "timeout" }],
  ])("%s", async (_, answer, attributes) => {
    const service = await startWebhookService();
    await service.subscribe();
    await service.answerAt("/", answer);
    await service.publish();
    const { tracing, recorded } = recordingTracing();
    expect(await service.deliver({}, { spans: spansOf(tracing) })).toBeGreaterThan(0);
    expect(recorded).toContainEqual({ name: "delivery", attributes });
  });
});
