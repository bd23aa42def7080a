import app from "./app.ts";
import { runDeliveries, runWatch } from "./jobs.ts";

export default {
  fetch: app.fetch,
  scheduled: (_, env) => runWatch(env),
  queue: (batch, env) => runDeliveries(batch, env),
} satisfies ExportedHandler;
