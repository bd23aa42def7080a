import app from "./app.ts";
import { runDeliveries, runPoller } from "./webhooks/jobs.ts";

export default {
  fetch: app.fetch,
  scheduled: (_, env) => runPoller(env),
  queue: (batch, env) => runDeliveries(batch, env),
} satisfies ExportedHandler;
