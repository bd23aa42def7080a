import app from "./app.ts";
import { spansOf } from "./telemetry/spans.ts";
import { runDeliveries, runPoller } from "./webhooks/jobs.ts";

export default {
  fetch: app.fetch,
  scheduled: (_, env, { tracing }) => runPoller(env, { spans: spansOf(tracing) }),
  queue: (batch, env, { tracing }) => runDeliveries(batch, env, { spans: spansOf(tracing) }),
} satisfies ExportedHandler;
