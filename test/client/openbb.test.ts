import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { APPS_SCHEMA, ROWS_SCHEMA, WIDGETS_SCHEMA } from "../support/openbb-schema.ts";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";

/** The service as a custom backend of OpenBB Workspace. */

interface Widget {
  readonly endpoint: string;
  readonly params: readonly { readonly paramName: string; readonly value: string | null }[];
  readonly data: { readonly table: { readonly columnsDefs: readonly { readonly field: string }[] } };
}
interface App {
  readonly tabs: Record<
    string,
    { readonly layout: readonly { readonly i: string; readonly groups?: string[] }[] }
  >;
  readonly groups: readonly {
    readonly name: string;
    readonly widgetIds: readonly string[];
    readonly paramName: string;
  }[];
}
type Rows = readonly Record<string, unknown>[];

const WORKSPACE = "https://pro.openbb.co";
const EXCEL = "https://excel.openbb.co";

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
function expectValid(schema: object, value: unknown): void {
  const validate = ajv.compile(schema);
  validate(value);
  expect(validate.errors ?? []).toEqual([]);
}

let service: LocalService;
beforeAll(async () => {
  const vars = {
    API_KEYS,
    SUBREQUEST_LIMIT: "10000",
    CLIENT_SHARE: "30",
    ALLOWED_ORIGINS: `${WORKSPACE},${EXCEL}`,
  };
  service = await startPlainService({}, vars);
}, 60_000);
afterAll(() => service?.close());

const get = (path: string, headers: Record<string, string> = { "X-API-Key": KEY }) =>
  fetch(service.origin + path, { headers: { Origin: WORKSPACE, ...headers } });
const widgets = async (): Promise<Record<string, Widget>> => (await get("/widgets.json", {})).json();
const rowsOf = async (path: string): Promise<Rows> => (await get(path)).json();

/** The request that OpenBB makes for a widget: its parameters are the query, and an empty date has no value. */
function pathOf({ endpoint, params }: Widget): string {
  const query = new URLSearchParams(
    params.map(({ paramName, value }) => [paramName, value?.replace("$currentDate-2y", "2024-05-01") ?? ""]),
  );
  return `/${endpoint}?${query}&theme=dark`;
}

describe("/widgets.json", () => {
  it("fits OpenBB's reference, and has a history, a chart and a table of newest rows", async () => {
    const all = await widgets();
    expectValid(WIDGETS_SCHEMA, all);
    expect(Object.keys(all)).toEqual(["v1_openbb_history", "v1_openbb_chart", "v1_openbb_latest"]);
    for (const [id, { endpoint }] of Object.entries(all)) expect(endpoint.replaceAll("/", "_")).toBe(id);
  });

  it("has endpoints that return flat rows with exactly the columns of each widget", async () => {
    for (const widget of Object.values(await widgets())) {
      const rows = await rowsOf(pathOf(widget));
      expectValid(ROWS_SCHEMA, rows);
      expect(rows.length).toBeGreaterThan(2);
      const fields = widget.data.table.columnsDefs.map(({ field }) => field);
      expect(new Set(rows.flatMap(Object.keys))).toEqual(new Set(fields));
    }
  });
});

describe("/apps.json", () => {
  it("fits OpenBB's reference, and names only widgets and parameters of /widgets.json", async () => {
    const [all, apps]: [Record<string, Widget>, App[]] = [
      await widgets(),
      await (await get("/apps.json", {})).json(),
    ];
    expectValid(APPS_SCHEMA, apps);
    for (const { tabs, groups } of apps) {
      const layout = Object.values(tabs).flatMap((tab) => tab.layout);
      expect(layout.map(({ i }) => i).sort()).toEqual(Object.keys(all).sort());
      for (const { name, widgetIds, paramName } of groups) {
        expect(
          layout
            .filter((item) => item.groups?.includes(name))
            .map(({ i }) => i)
            .sort(),
        ).toEqual(widgetIds.toSorted());
        for (const id of widgetIds) {
          expect(all[id]?.params.map((parameter) => parameter.paramName)).toContain(paramName);
        }
      }
    }
  });
});

describe("rows for OpenBB", () => {
  it("of a history are newest first within the days, and those of a chart oldest first", async () => {
    const query = "symbol=hk.700&from=2026-01-01&to=2026-04-30";
    const history = await rowsOf(`/v1/openbb/history?${query}`);
    expect(history[0]).toEqual({
      date: "2026-04-30",
      shares: 51_480_638,
      percent: 0.56,
      close_price: 467.8,
      last_close_price: 479.2,
    });
    expect(history.every(({ date }) => typeof date === "string" && date >= "2026-01-01")).toBe(true);
    expect(await rowsOf(`/v1/openbb/chart?${query}`)).toEqual(history.toReversed());
  });

  it("of newest rows have one row for each symbol, and an error for one that fails", async () => {
    const rows = await rowsOf("/v1/openbb/latest?symbols=HK.00700,US.AAPL,US.NOSUCH");
    expect(rows).toMatchObject([
      { symbol: "HK.00700", date: "2026-04-30", shares: 51_480_638, change_percent: -0.79, error: null },
      { symbol: "US.AAPL", date: "2026-04-30", days_to_cover: 2.38, change_percent: 0.87, error: null },
      { symbol: "US.NOSUCH", change_percent: null, error: expect.any(String) },
    ]);
  });

  it("are a problem for an unknown symbol", async () => {
    const response = await get("/v1/openbb/history?symbol=US.NOSUCH");
    expect([response.status, await response.json()]).toMatchObject([404, { code: "unknown_symbol" }]);
  });

  it.each([
    ["/v1/openbb/history", 400, "symbol"],
    ["/v1/openbb/history?symbol=AAPL", 400, "symbol"],
    ["/v1/openbb/chart?symbol=US.AAPL&from=yesterday", 400, "from"],
    ["/v1/openbb/latest", 400, "symbols"],
  ])("are a problem for %s: %i %s", async (path, status, parameter) => {
    const response = await get(path);
    expect([response.status, await response.json()]).toMatchObject([status, { parameter }]);
  });
});

describe("access for OpenBB", () => {
  it("needs a key for rows, but none for the two documents", async () => {
    for (const path of ["/widgets.json", "/apps.json"]) expect((await get(path, {})).status).toBe(200);
    for (const path of ["/v1/openbb/history?symbol=US.AAPL", "/v1/openbb/latest?symbols=US.AAPL"]) {
      expect((await get(path, {})).status).toBe(401);
    }
  });

  it.each([WORKSPACE, EXCEL])("is allowed to scripts of %s, with the header of a key", async (Origin) => {
    for (const path of ["/widgets.json", "/apps.json", "/v1/openbb/latest?symbols=US.AAPL"]) {
      const preflight = await fetch(service.origin + path, {
        method: "OPTIONS",
        headers: {
          Origin,
          "Access-Control-Request-Method": "GET",
          "Access-Control-Request-Headers": "x-api-key",
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get("Access-Control-Allow-Headers")).toBe("x-api-key");
      const response = await get(path, { Origin, "X-API-Key": KEY });
      expect([Origin, "*"]).toContain(response.headers.get("Access-Control-Allow-Origin"));
    }
  });

  it("is not allowed to scripts of other origins, if ALLOWED_ORIGINS is set", async () => {
    const response = await get("/v1/openbb/latest?symbols=US.AAPL", {
      Origin: "https://other.example",
      "X-API-Key": KEY,
    });
    expect(response.headers.get("Access-Control-Allow-Origin")).toBeNull();
  });
});
